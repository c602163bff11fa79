/**
 * The cutover program (SPEC §12): preflight, then the steps of `domain/cutover/CutoverMachine`.
 *
 * The machine decides; this waits, proposes and carries its actions out. Once the marker may be in
 * the log, the run belongs to the engine's events and not to its caller: an interruption, a client
 * that hangs up or a time-out ends the wait and never the run. Proof: `test/layers/Cutover.test.ts`.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Machine from "../domain/cutover/CutoverMachine.ts"
import * as Command from "../domain/encryption/Command.ts"
import {
  CutoverInFlight,
  CutoverOutcomeUnknown,
  DrainTimedOut,
  EncryptionNotBootstrapped,
  RaftDekChanged,
  StorageEnvelopeNotEnabled
} from "../domain/encryption/Errors.ts"
import { LeaderNotReady, NotLeader } from "../domain/engine/Errors.ts"
import type { ProposalEvent } from "../domain/engine/PendingProposals.ts"
import type { KeyId, Term } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import { Applier } from "../services/Applier.ts"
import { CapabilityGate } from "../services/CapabilityGate.ts"
import { Cutover, type CutoverDone, type CutoverFailure } from "../services/Cutover.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import { QuiescenceBarrier } from "../services/QuiescenceBarrier.ts"
import { RaftEngine } from "../services/RaftEngine.ts"
import { WrapFlag } from "../services/WrapFlag.ts"

/** What the preflight has found. */
interface Preflight {
  readonly term: Term
  readonly raftKeyId: KeyId
}

type Ended = Deferred.Deferred<Machine.CutoverEnd>

/** The machine of this node, its actions carried out, and the end of the run it is in. */
class CutoverRun {
  state: Machine.CutoverState = Machine.idle
  private ended: Ended | undefined
  private readonly barrier: QuiescenceBarrier["Service"]
  private readonly wrapFlag: WrapFlag["Service"]

  constructor(barrier: QuiescenceBarrier["Service"], wrapFlag: WrapFlag["Service"]) {
    this.barrier = barrier
    this.wrapFlag = wrapFlag
  }

  begin(term: Term, ended: Ended): void {
    invariant(this.ended === undefined, "one run at a time")
    this.ended = ended
    this.dispatch(ended, { _tag: "Started", term })
  }

  /**
   * An event of one run; what comes after its end concerns no later run. `ProposeMarker` is carried
   * out by the program, if {@link isAppending} then.
   */
  dispatch(run: Ended, event: Machine.CutoverEvent): void {
    if (this.ended !== run) return
    const transition = Machine.transition(this.state, event)
    this.state = transition.state
    for (const action of transition.actions) this.carryOut(action)
  }

  /** Is this the run in hand, and its marker to be proposed? */
  isAppending(run: Ended): boolean {
    return this.ended === run && this.state._tag === "Appending"
  }

  markerEvent(run: Ended, event: ProposalEvent): void {
    if (event._tag === "Applied") {
      this.dispatch(run, { _tag: "MarkerApplied", outcome: markerOutcomeOf(event) })
    } else {
      this.dispatch(run, { _tag: "TermLeft" })
    }
  }

  private carryOut(action: Machine.CutoverAction): void {
    switch (action._tag) {
      case "CloseBarrier":
        return this.barrier.close()
      case "OpenBarrier":
        return this.barrier.open()
      case "SetWrapFlag":
        return this.wrapFlag.set("cutoverProgram")
      case "ProposeMarker":
        return
      case "End": {
        const { ended } = this
        invariant(ended !== undefined, "a run that ends has begun")
        this.ended = undefined
        Deferred.doneUnsafe(ended, Exit.succeed(action.end))
      }
    }
  }
}

const make = Effect.gen(function* () {
  const applier = yield* Applier
  const barrier = yield* QuiescenceBarrier
  const engine = yield* RaftEngine
  const config = yield* NodeConfig
  const run = new CutoverRun(barrier, yield* WrapFlag)
  const preflight = yield* makePreflight(run)
  const steps = yield* makeSteps(run)

  const enableRaftEnvelope = Effect.gen(function* () {
    const ready = yield* preflight
    if (ready === undefined) return wasAlreadyActive(applier)
    return yield* resultOf(yield* steps(ready), { barrier, engine, config })
  })
  return Cutover.of({ enableRaftEnvelope, state: () => run.state })
})

/** Everything that can refuse without a side effect, in the order of SPEC §12. */
const makePreflight = Effect.fnUntraced(function* (run: CutoverRun) {
  const applier = yield* Applier
  const engine = yield* RaftEngine
  const gate = yield* CapabilityGate
  const { registrationTimeoutMillis } = yield* NodeConfig
  const registered = Effect.timeoutOrElse(engine.sealingReady, {
    duration: registrationTimeoutMillis,
    orElse: () => Effect.fail(new LeaderNotReady({ awaits: "registration" }))
  })
  return Effect.gen(function* () {
    if (Machine.isInFlight(run.state)) return yield* new CutoverInFlight({})
    const intake = engine.intake()
    if (intake._tag === "Shut") return yield* Effect.fail(intake.reason)
    const { active, raftEnvelopeCutoverIndex, storageEnvelopeIndex } = applier.sidecar
    if (raftEnvelopeCutoverIndex !== 0) return undefined
    if (active.raft === 0) return yield* new EncryptionNotBootstrapped({})
    if (storageEnvelopeIndex === 0) return yield* new StorageEnvelopeNotEnabled({})
    yield* gate.check
    yield* registered
    return { term: intake.term, raftKeyId: active.raft }
  })
})

/** The steps of SPEC §12, from closing the barrier to the end of the run. */
const makeSteps = Effect.fnUntraced(function* (run: CutoverRun) {
  const barrier = yield* QuiescenceBarrier
  const engine = yield* RaftEngine
  const { cutoverTimeoutMillis, drainTimeoutMillis } = yield* NodeConfig

  /** Step 2. Freely interruptible: whatever ends the wait before the marker opens the barrier. */
  const drained = (ended: Ended) =>
    barrier.drained.pipe(
      Effect.timeoutOrElse({
        duration: drainTimeoutMillis,
        orElse: () => Effect.sync(() => run.dispatch(ended, { _tag: "DrainTimedOut" }))
      }),
      Effect.onInterrupt(() => Effect.sync(() => run.dispatch(ended, { _tag: "Interrupted" })))
    )
  /** Step 3. Uninterruptible, so that the machine learns whether the marker is in the log. */
  const proposeMarker = ({ raftKeyId, term }: Preflight, ended: Ended) =>
    Effect.match(
      engine.propose({
        body: Command.encode({ _tag: "EnableRaftEnvelope", raftKeyId }),
        term,
        toBeSealed: false,
        onEvent: (event) => run.markerEvent(ended, event)
      }),
      {
        onSuccess: ({ index }) => run.dispatch(ended, { _tag: "MarkerAppended", index }),
        // Of a node that stopped at this moment nobody knows whether the marker is in its log.
        onFailure: ({ _tag }) =>
          run.dispatch(ended, { _tag: _tag === "NodeStopped" ? "TermLeft" : "MarkerRefused" })
      }
    )
  return (ready: Preflight) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const ended: Ended = yield* Deferred.make<Machine.CutoverEnd>()
        // The check and the start are one turn: another caller may have come since the preflight.
        const isLate = Machine.isInFlight(run.state) || engine.markerCounts()
        if (isLate) return yield* new CutoverInFlight({})
        run.begin(ready.term, ended)
        yield* restore(drained(ended))
        run.dispatch(ended, { _tag: "Drained" })
        if (run.isAppending(ended)) yield* proposeMarker(ready, ended)
        return yield* restore(Deferred.await(ended)).pipe(
          Effect.timeoutOrElse({
            duration: cutoverTimeoutMillis,
            orElse: () => Effect.fail(new CutoverOutcomeUnknown({}))
          })
        )
      })
    )
})

function markerOutcomeOf(
  event: ProposalEvent & { readonly _tag: "Applied" }
): Machine.MarkerOutcome {
  const { outcome } = event
  invariant(outcome._tag === "Encryption", "a marker has the outcome of an encryption command")
  return outcome.outcome._tag === "Applied"
    ? { _tag: "CutOver", cutoverIndex: event.position.index }
    : { _tag: "Stale" }
}

const wasAlreadyActive = (applier: Applier["Service"]): CutoverDone => ({
  cutoverIndex: applier.sidecar.raftEnvelopeCutoverIndex,
  wasAlreadyActive: true,
  barrierClosedMillis: 0
})

interface Context {
  readonly barrier: QuiescenceBarrier["Service"]
  readonly engine: RaftEngine["Service"]
  readonly config: NodeConfig["Service"]
}

/** What the caller is told. */
function resultOf(
  end: Machine.CutoverEnd,
  { barrier, config, engine }: Context
): Effect.Effect<CutoverDone, CutoverFailure> {
  switch (end._tag) {
    case "CutOver":
      return Effect.succeed({
        cutoverIndex: end.cutoverIndex,
        wasAlreadyActive: false,
        barrierClosedMillis: barrier.closedMillis() ?? 0
      })
    case "RaftDekChanged":
      return Effect.fail(new RaftDekChanged({}))
    case "DrainTimedOut":
      return Effect.fail(new DrainTimedOut({ timeoutMillis: config.drainTimeoutMillis }))
    case "MarkerRefused":
      return Effect.fail(new NotLeader({ leader: engine.status().leader }))
    case "TermLeft":
      return Effect.fail(new CutoverOutcomeUnknown({}))
    case "Interrupted":
      return Effect.interrupt
  }
}

export const layer = Layer.effect(Cutover, make)
