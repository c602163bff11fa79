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

const make = Effect.gen(function* () {
  const applier = yield* Applier
  const barrier = yield* QuiescenceBarrier
  const config = yield* NodeConfig
  const engine = yield* RaftEngine
  const gate = yield* CapabilityGate
  const wrapFlag = yield* WrapFlag

  let state: Machine.CutoverState = Machine.idle
  let ended: Ended | undefined

  /** Runs one event through the machine; `ProposeMarker` is carried out by the program itself. */
  const dispatch = (event: Machine.CutoverEvent) => {
    const transition = Machine.transition(state, event)
    state = transition.state
    for (const action of transition.actions) {
      switch (action._tag) {
        case "CloseBarrier":
          barrier.close()
          break
        case "OpenBarrier":
          barrier.open()
          break
        case "SetWrapFlag":
          wrapFlag.set("cutoverProgram")
          break
        case "End":
          invariant(ended !== undefined, "a run that ends has begun")
          Deferred.doneUnsafe(ended, Exit.succeed(action.end))
          ended = undefined
          break
        case "ProposeMarker":
          break
      }
    }
  }

  /** Of the marker of one run; what comes after its end concerns no later run. */
  const onMarkerEvent = (run: Ended) => (event: ProposalEvent) => {
    if (ended !== run) return
    switch (event._tag) {
      case "Applied":
        return dispatch({ _tag: "MarkerApplied", outcome: markerOutcomeOf(event) })
      case "Superseded":
      case "TermLeft":
      case "Stopped":
        return dispatch({ _tag: "TermLeft" })
    }
  }

  /** Everything that can refuse without a side effect, in the order of SPEC §12. */
  const preflight = Effect.gen(function* () {
    if (Machine.isInFlight(state)) return yield* new CutoverInFlight({})
    const intake = engine.intake()
    if (intake._tag === "Shut") return yield* intake.reason
    const { active, raftEnvelopeCutoverIndex, storageEnvelopeIndex } = applier.sidecar
    if (raftEnvelopeCutoverIndex !== 0) return undefined
    if (active.raft === 0) return yield* new EncryptionNotBootstrapped({})
    if (storageEnvelopeIndex === 0) return yield* new StorageEnvelopeNotEnabled({})
    yield* gate.check
    yield* engine.sealingReady.pipe(
      Effect.timeoutOrElse({
        duration: config.registrationTimeoutMillis,
        orElse: () => Effect.fail(new LeaderNotReady({ awaits: "registration" }))
      })
    )
    if (Machine.isInFlight(state) || engine.markerCounts()) return yield* new CutoverInFlight({})
    return { term: intake.term, raftKeyId: active.raft }
  })

  /** Steps 1 and 2. Freely interruptible: whatever ends the wait before the marker opens the barrier. */
  const closeAndDrain = (term: Term) =>
    Effect.suspend(() => {
      dispatch({ _tag: "Started", term })
      return barrier.drained
    }).pipe(
      Effect.timeoutOrElse({
        duration: config.drainTimeoutMillis,
        orElse: () => Effect.sync(() => dispatch({ _tag: "DrainTimedOut" }))
      }),
      Effect.onInterrupt(() => Effect.sync(() => dispatch({ _tag: "Interrupted" })))
    )

  /** Step 3. Uninterruptible, so that the machine learns whether the marker is in the log. */
  const proposeMarker = ({ raftKeyId, term }: Preflight, run: Ended) =>
    engine
      .propose({
        body: Command.encode({ _tag: "EnableRaftEnvelope", raftKeyId }),
        term,
        toBeSealed: false,
        onEvent: onMarkerEvent(run)
      })
      .pipe(
        Effect.match({
          onSuccess: ({ index }) => dispatch({ _tag: "MarkerAppended", index }),
          onFailure: () => dispatch({ _tag: "MarkerRefused" })
        })
      )

  const run = (ready: Preflight) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const outcome = yield* Deferred.make<Machine.CutoverEnd>()
        ended = outcome
        yield* restore(closeAndDrain(ready.term))
        dispatch({ _tag: "Drained" })
        if (state._tag === "Appending") yield* proposeMarker(ready, outcome)
        return yield* restore(Deferred.await(outcome)).pipe(
          Effect.timeoutOrElse({
            duration: config.cutoverTimeoutMillis,
            orElse: () => Effect.fail(new CutoverOutcomeUnknown({}))
          })
        )
      })
    )

  const enableRaftEnvelope = Effect.gen(function* () {
    const ready = yield* preflight
    if (ready === undefined) return wasAlreadyActive(applier)
    return yield* resultOf(yield* run(ready), { barrier, engine, config })
  })
  return Cutover.of({ enableRaftEnvelope, state: () => state })
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
