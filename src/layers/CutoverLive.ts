/**
 * The cutover program (SPEC §12): preflight, then the steps of `domain/cutover/CutoverMachine`.
 *
 * The machine decides; this waits, proposes and carries its actions out. Once the marker may be in
 * the log, the run belongs to the engine's events and not to its caller: an interruption, a client
 * that hangs up or a time-out ends the wait, at once, and never the run. What must never happen: a
 * barrier that was closed and has nobody who will open it. Proof: `test/layers/Cutover.test.ts`,
 * `CutoverInterruption.test.ts`, `test/simulation/CutoverInterruptedAnywhere.test.ts`.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Machine from "../domain/cutover/CutoverMachine.ts"
import type * as CutoverTimings from "../domain/cutover/CutoverTimings.ts"
import * as Preflight from "../domain/cutover/Preflight.ts"
import * as Command from "../domain/encryption/Command.ts"
import {
  CutoverOutcomeUnknown,
  DrainTimedOut,
  RaftDekChanged
} from "../domain/encryption/Errors.ts"
import { LeaderNotReady } from "../domain/engine/Errors.ts"
import type { ProposalEvent } from "../domain/engine/PendingProposals.ts"
import type { LogIndex } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import { AdministrationTurn, type Turn } from "../services/AdministrationTurn.ts"
import { Applier } from "../services/Applier.ts"
import { CapabilityGate } from "../services/CapabilityGate.ts"
import { Cutover, type CutoverDone, type CutoverFailure } from "../services/Cutover.ts"
import { FreeSpace } from "../services/FreeSpace.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import { QuiescenceBarrier } from "../services/QuiescenceBarrier.ts"
import { RaftEngine } from "../services/RaftEngine.ts"
import { Telemetry } from "../services/Telemetry.ts"
import { WrapFlag } from "../services/WrapFlag.ts"
import { CutoverReport } from "./CutoverReport.ts"

/** Names a run, and tells its caller. */
type Answered = Deferred.Deferred<Machine.CutoverAnswer>

/** The machine of this node, its actions carried out, and the run it is in. */
class CutoverRun {
  state: Machine.CutoverState = Machine.idle
  private current: { readonly run: Answered; readonly endTurn: () => void } | undefined
  private readonly barrier: QuiescenceBarrier["Service"]
  private readonly wrapFlag: WrapFlag["Service"]
  private readonly report: CutoverReport

  constructor(parts: {
    readonly barrier: QuiescenceBarrier["Service"]
    readonly wrapFlag: WrapFlag["Service"]
    readonly report: CutoverReport
  }) {
    this.barrier = parts.barrier
    this.wrapFlag = parts.wrapFlag
    this.report = parts.report
  }

  /** It has the turn until it ends, also when its caller has gone. */
  begin(run: Answered, { preceding, term, turn }: Asked): void {
    invariant(this.current === undefined, "one run at a time")
    this.current = { run, endTurn: turn.keep() }
    turn.end()
    this.report.began(term, preceding)
    this.dispatch(run, { _tag: "Started", term })
  }

  /** An event of one run; what comes after its end concerns no later run. */
  dispatch(run: Answered, event: Machine.CutoverEvent): void {
    if (this.current?.run !== run) return
    const { actions, state } = Machine.transition(this.state, event)
    this.report.moved(this.state, state)
    this.state = state
    for (const action of actions) this.carryOut(run, action)
  }

  /** Is this the run in hand, and its marker to be proposed? */
  isAppending(run: Answered): boolean {
    return this.current?.run === run && this.state._tag === "Appending"
  }

  markerEvent(run: Answered, event: ProposalEvent): void {
    if (event._tag === "Applied") {
      this.dispatch(run, { _tag: "MarkerApplied", outcome: markerOutcomeOf(event) })
    } else {
      this.dispatch(run, { _tag: "TermLeft" })
    }
  }

  private carryOut(run: Answered, action: Machine.CutoverAction): void {
    switch (action._tag) {
      case "CloseBarrier":
        return this.barrier.close()
      case "OpenBarrier":
        return this.barrier.open()
      case "SetWrapFlag":
        return this.wrapFlag.set("cutoverProgram")
      case "ProposeMarker":
        // By the program, once it has seen `isAppending`.
        return
      case "End":
        this.current?.endTurn()
        this.current = undefined
        return this.report.ended(action.end)
      case "Answer":
        Deferred.doneUnsafe(run, Exit.succeed(action.answer))
    }
  }
}

const make = Effect.gen(function* () {
  const applier = yield* Applier
  const barrier = yield* QuiescenceBarrier
  const engine = yield* RaftEngine
  const space = yield* FreeSpace
  const { drainTimeoutMillis } = yield* NodeConfig
  const report = new CutoverReport(barrier, yield* Telemetry)
  const run = new CutoverRun({ barrier, wrapFlag: yield* WrapFlag, report })
  const facts = (): Preflight.Facts => ({
    state: run.state,
    intake: engine.intake(),
    sidecar: applier.sidecar,
    markerCounts: engine.markerCounts(),
    spaceLow: space.refusal()
  })
  const turns = yield* AdministrationTurn
  const able = yield* makeAble
  const steps = yield* makeSteps(run, facts)
  const told = <A>(preflight: Effect.Effect<A, CutoverFailure>) =>
    Effect.tapError(preflight, (refusal) => Effect.sync(() => report.refused(refusal)))

  const inTurn = Effect.fnUntraced(function* (ready: Preflight.Ready, turn: Turn) {
    const preceding = yield* told(able)
    const ended = yield* steps({ ...ready, preceding, turn })
    if (ended._tag === "AlreadyActive") return wasAlreadyActive(ended.cutoverIndex)
    const barrierClosedMillis = barrier.closedMillis() ?? 0
    return yield* resultOf(ended, { barrierClosedMillis, drainTimeoutMillis })
  })
  const enableRaftEnvelope = Effect.gen(function* () {
    const decision = yield* told(Effect.suspend(() => accepted(Preflight.decide(facts()))))
    if (decision._tag === "AlreadyActive") return wasAlreadyActive(decision.cutoverIndex)
    return yield* Effect.acquireUseRelease(
      told(turns.take("cutover")),
      (turn) => inTurn(decision, turn),
      ({ end }) => Effect.sync(end)
    )
  })
  return Cutover.of({
    enableRaftEnvelope,
    dryRun: yield* makeDryRun(facts),
    state: () => run.state,
    timings: () => report.timings
  })
})

type Accepted = Exclude<Preflight.Decision, { readonly _tag: "Refused" }>

const accepted = (decision: Preflight.Decision): Effect.Effect<Accepted, Preflight.Refusal> =>
  decision._tag === "Refused" ? Effect.fail(decision.refusal) : Effect.succeed(decision)

/** Ready, how long it took to be, and whose turn it is. */
interface Asked extends Preflight.Ready {
  readonly preceding: CutoverTimings.Preceding
  readonly turn: Turn
}

const millisOf = <A, E, R>(wait: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.timed(wait), ([passed]) => Duration.toMillis(passed))

const makeRegistered = Effect.gen(function* () {
  const engine = yield* RaftEngine
  const { registrationTimeoutMillis } = yield* NodeConfig
  return Effect.timeoutOrElse(engine.sealingReady, {
    duration: registrationTimeoutMillis,
    orElse: () => Effect.fail(new LeaderNotReady({ awaits: "registration" }))
  })
})

const makeDryRun = Effect.fnUntraced(function* (facts: () => Preflight.Facts) {
  const gate = yield* CapabilityGate
  const registered = yield* makeRegistered
  return Effect.gen(function* () {
    const before = yield* accepted(Preflight.decide(facts()))
    if (before._tag === "AlreadyActive") return { cutoverIndex: before.cutoverIndex, nodes: [] }
    const nodes = yield* gate.survey
    yield* registered
    const after = yield* accepted(Preflight.decideAgain(before, facts()))
    return { cutoverIndex: after._tag === "Ready" ? undefined : after.cutoverIndex, nodes }
  })
})

/** What takes time before the barrier: gate and registration. */
const makeAble = Effect.gen(function* () {
  const gate = yield* CapabilityGate
  const registered = yield* makeRegistered
  return Effect.gen(function* () {
    return {
      gate: yield* millisOf(gate.check),
      registration: yield* millisOf(registered)
    }
  })
})

/**
 * The steps of SPEC §12, from closing the barrier to what the caller is told. Every wait is
 * interruptible, and whoever is interrupted there says so to the machine; nothing else is.
 */
const makeSteps = Effect.fnUntraced(function* (run: CutoverRun, facts: () => Preflight.Facts) {
  const barrier = yield* QuiescenceBarrier
  const { cutoverTimeoutMillis, drainTimeoutMillis } = yield* NodeConfig
  const proposeMarker = yield* makeProposeMarker(run)

  /** Step 2. */
  const drained = (answered: Answered) =>
    Effect.timeoutOrElse(barrier.drained, {
      duration: drainTimeoutMillis,
      orElse: () => Effect.sync(() => run.dispatch(answered, { _tag: "DrainTimedOut" }))
    })
  /** Step 4, as long as the caller may wait for it. */
  const answer = (answered: Answered) =>
    Effect.timeoutOrElse(Deferred.await(answered), {
      duration: cutoverTimeoutMillis,
      orElse: () => {
        run.dispatch(answered, { _tag: "CallerTimedOut" })
        return Deferred.await(answered)
      }
    })
  return (ready: Asked) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        // The check and the start are one turn: another caller may have come since the preflight.
        const now = yield* accepted(Preflight.decideAgain(ready, facts()))
        if (now._tag === "AlreadyActive") return now
        const answered: Answered = Deferred.makeUnsafe()
        const left = Effect.sync(() => run.dispatch(answered, { _tag: "CallerLeft" }))
        // Outside `restore`: an interruption that is already here ends the wait before it begins.
        const waiting = <A>(wait: Effect.Effect<A>) => Effect.onInterrupt(restore(wait), () => left)
        run.begin(answered, ready)
        yield* waiting(drained(answered))
        run.dispatch(answered, { _tag: "Drained" })
        if (run.isAppending(answered)) yield* proposeMarker(ready, answered)
        return yield* waiting(answer(answered))
      })
    )
})

/**
 * Step 3: hands the marker to the engine and returns. A fibre of its own, so that the machine learns
 * whether the marker is in the log whatever becomes of the caller, and the caller waits for no disk.
 * It ends in any case: the engine answers everybody, at the latest when it stops.
 */
const makeProposeMarker = Effect.fnUntraced(function* (run: CutoverRun) {
  const engine = yield* RaftEngine
  return (ready: Preflight.Ready, answered: Answered) =>
    Effect.suspend(() => {
      // Of a node that stops with the marker in hand nobody knows; of one that had stopped, we do.
      const rejection = Preflight.leadershipRefusal(ready, engine.intake())
      if (rejection !== undefined) {
        run.dispatch(answered, { _tag: "MarkerRefused", rejection })
        return Effect.void
      }
      const { raftKeyId, term } = ready
      const proposed = engine.propose({
        body: Command.encode({ _tag: "EnableRaftEnvelope", raftKeyId }),
        term,
        toBeSealed: false,
        onEvent: (event) => run.markerEvent(answered, event)
      })
      const told = Effect.match(proposed, {
        onSuccess: ({ index }) => run.dispatch(answered, { _tag: "MarkerAppended", index }),
        onFailure: (rejection) =>
          run.dispatch(
            answered,
            rejection._tag === "NodeStopped"
              ? { _tag: "TermLeft" }
              : { _tag: "MarkerRefused", rejection }
          )
      })
      return Effect.asVoid(Effect.forkDetach(told, { startImmediately: true }))
    })
})

function markerOutcomeOf(
  event: ProposalEvent & { readonly _tag: "Applied" }
): Machine.MarkerOutcome {
  const { outcome, position } = event
  invariant(outcome._tag === "Encryption", "a marker has the outcome of an encryption command")
  switch (outcome.outcome._tag) {
    case "Applied":
      return { _tag: "CutOver", cutoverIndex: position.index }
    case "AlreadyActive":
      return { _tag: "CutOver", cutoverIndex: outcome.outcome.index }
    default:
      invariant(outcome.outcome._tag === "Stale", "a phase that was reached is never left")
      return { _tag: "Stale" }
  }
}

const wasAlreadyActive = (cutoverIndex: LogIndex): CutoverDone => ({
  cutoverIndex,
  wasAlreadyActive: true,
  barrierClosedMillis: 0
})

/** What the caller is told. */
function resultOf(
  answer: Machine.CutoverAnswer,
  known: { readonly barrierClosedMillis: number; readonly drainTimeoutMillis: number }
): Effect.Effect<CutoverDone, CutoverFailure> {
  const { barrierClosedMillis, drainTimeoutMillis } = known
  switch (answer._tag) {
    case "CutOver": {
      const { cutoverIndex } = answer
      return Effect.succeed({ cutoverIndex, wasAlreadyActive: false, barrierClosedMillis })
    }
    case "RaftDekChanged":
      return Effect.fail(new RaftDekChanged({}))
    case "DrainTimedOut":
      return Effect.fail(new DrainTimedOut({ timeoutMillis: drainTimeoutMillis }))
    case "MarkerRefused":
      return Effect.fail(answer.rejection)
    case "OutcomeUnknown":
      return Effect.fail(new CutoverOutcomeUnknown({}))
  }
}

export const layer = Layer.effect(Cutover, make)
