/**
 * Makes a node stop itself at a step of the cutover program, if that step is armed (`Failpoint`).
 *
 * The product knows nothing of it: the services that the program works with are wrapped where they are made
 * (the `of` of their contract), and the applier at its `apply`. Only who loads this file can do that. What
 * must never happen: a step told by a node that does not run the program, or a process that is held at a step
 * that nobody has armed. Proof: `test/e2e/NemesisFailpoints.test.ts`.
 */
import { renameSync } from "node:fs"
import * as Effect from "effect/Effect"
import { Applier } from "../../src/domain/apply/Applier.ts"
import * as Command from "../../src/domain/encryption/Command.ts"
import * as ProposalEnvelope from "../../src/domain/log/ProposalEnvelope.ts"
import type { Entry } from "../../src/domain/raft/Entry.ts"
import { CapabilityGate } from "../../src/services/CapabilityGate.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import * as Failpoint from "./Failpoint.ts"

/** Mutable: what this process knows of the program that it runs. */
class Program {
  isLeading: () => boolean = () => false
  isBarrierClosed = false
  isMarkerApplied = false
  private readonly directory: string
  private readonly nodeName: string

  constructor(directory: string, nodeName: string) {
    this.directory = directory
    this.nodeName = nodeName
  }

  /** Returns when the process was let go on, at once if the step is not armed. */
  reach(step: Failpoint.Step): void {
    const { directory, nodeName } = this
    try {
      renameSync(
        Failpoint.armedFile(directory, step),
        Failpoint.reachedFile(directory, step, nodeName)
      )
    } catch {
      // Not armed, or another process was faster.
      return
    }
    process.kill(process.pid, "SIGSTOP")
  }
}

export function install(directory: string, nodeName: string): void {
  const program = new Program(directory, nodeName)
  wrapGate(program)
  wrapEngine(program)
  wrapBarrier(program)
  wrapApplier(program)
}

function wrapGate(program: Program): void {
  const of = (gate: CapabilityGate["Service"]): CapabilityGate["Service"] => ({
    ...gate,
    check: Effect.suspend(() => {
      if (program.isLeading()) program.reach("gate")
      return gate.check
    })
  })
  Object.assign(CapabilityGate, { of })
}

function wrapEngine(program: Program): void {
  const of = (engine: RaftEngine["Service"]): RaftEngine["Service"] => {
    program.isLeading = () => engine.intake()._tag === "Open"
    return {
      ...engine,
      sealingReady: Effect.suspend(() => {
        if (program.isLeading()) program.reach("registration")
        return engine.sealingReady
      }),
      propose: (proposal) => {
        const isMarker = !proposal.toBeSealed && Command.isEnableRaftEnvelope(proposal.body)
        if (!isMarker) return engine.propose(proposal)
        return Effect.suspend(() => {
          program.reach("appending")
          return Effect.tap(engine.propose(proposal), () =>
            Effect.sync(() => program.reach("appended"))
          )
        })
      }
    }
  }
  Object.assign(RaftEngine, { of })
}

function wrapBarrier(program: Program): void {
  const of = (barrier: QuiescenceBarrier["Service"]): QuiescenceBarrier["Service"] => ({
    ...barrier,
    close: () => {
      barrier.close()
      program.isBarrierClosed = true
      program.isMarkerApplied = false
      program.reach("draining")
    },
    open: () => {
      const isCutOver = program.isBarrierClosed && program.isMarkerApplied
      if (isCutOver) program.reach("flag")
      barrier.open()
      program.isBarrierClosed = false
      if (isCutOver) program.reach("opened")
    }
  })
  Object.assign(QuiescenceBarrier, { of })
}

/** Of a follower, or a leader that has lost its term, the barrier is open. */
function wrapApplier(program: Program): void {
  const { apply } = Applier.prototype
  Applier.prototype.apply = function (this: Applier, entries) {
    const isAwaited = program.isBarrierClosed && !program.isMarkerApplied
    if (!isAwaited || !entries.some(isMarker)) return apply.call(this, entries)
    program.reach("committed")
    const run = apply.call(this, entries)
    if (this.sidecar.raftEnvelopeCutoverIndex !== 0) {
      program.isMarkerApplied = true
      program.reach("applied")
    }
    return run
  }
}

/** While the barrier is closed the marker is plain, as is all below it. */
function isMarker({ data, kind }: Entry): boolean {
  const body = kind === "normal" ? ProposalEnvelope.bodyOf(data) : undefined
  return body !== undefined && Command.isEnableRaftEnvelope(body)
}
