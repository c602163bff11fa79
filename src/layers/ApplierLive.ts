/**
 * Loads the applied state, checks it against the log and the keystore, and makes the applier
 * (SPEC §11, §13, §17).
 *
 * What must never happen: an opening that serves with a key it cannot unwrap, with the state of
 * another cluster, or with a wrap flag that is not what the state says.
 * Proof: `test/layers/StartUpGuards.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Applier as DomainApplier } from "../domain/apply/Applier.ts"
import * as ReplicatedState from "../domain/apply/ReplicatedState.ts"
import * as SealedState from "../domain/apply/SealedState.ts"
import * as CutoverDivergence from "../domain/snapshot/CutoverDivergence.ts"
import { AppliedIndexOutsideLog, DirectoryOfAnotherCluster } from "../domain/state/Errors.ts"
import { Applier } from "../services/Applier.ts"
import { Keystore } from "../services/Keystore.ts"
import { Opening } from "../services/Opening.ts"
import { RaftLogStore } from "../services/RaftLogStore.ts"
import { StateMachine } from "../services/StateMachine.ts"
import { StateStore } from "../services/StateStore.ts"
import { Telemetry } from "../services/Telemetry.ts"
import { WrapFlag } from "../services/WrapFlag.ts"
import { attempt } from "./SynchronousFailure.ts"

const make = Effect.gen(function* () {
  const keystore = yield* Keystore
  const machine = yield* StateMachine
  const { clusterId, groupId } = yield* Opening
  const store = yield* StateStore
  const { counters } = yield* Telemetry
  const wrapFlag = yield* WrapFlag

  const state = yield* loadOrCreate
  if (state.sidecar.clusterId !== clusterId) {
    return yield* new DirectoryOfAnotherCluster({
      expected: clusterId,
      found: state.sidecar.clusterId
    })
  }
  yield* guardAppliedIndex(state)
  yield* guardCutover(state)
  const sealed = SealedState.problemOf(state, store.reader)
  if (sealed !== undefined) return yield* sealed
  const { keys } = state.sidecar
  if (keys.length > 0) yield* keystore.unwrap(keys)

  return new DomainApplier(
    {
      groupId,
      keys: keystore.get,
      machine,
      store,
      counters,
      onCutOver: wrapFlag.set
    },
    state
  )
})

/** A state that was lost before its first flush is made anew: the log replays into it. */
const loadOrCreate = Effect.gen(function* () {
  const { clusterId, groupId } = yield* Opening
  const store = yield* StateStore
  const found = yield* Effect.fromResult(ReplicatedState.load(store.reader, groupId))
  if (found !== undefined) return found
  const created = ReplicatedState.initial({ groupId, clusterId })
  yield* attempt(() => store.transact((transaction) => created.save(transaction, undefined)))
  return created
})

/** SPEC §17: applied index within `[first log index − 1, last log index]`. */
const guardAppliedIndex = Effect.fnUntraced(function* (state: ReplicatedState.ReplicatedState) {
  const { reader } = yield* RaftLogStore
  const { index } = state.applied
  const firstIndex = reader.firstIndex()
  const lastIndex = reader.lastIndex()
  if (index < firstIndex - 1 || index > lastIndex) {
    return yield* new AppliedIndexOutsideLog({ appliedIndex: index, firstIndex, lastIndex })
  }
})

/** SPEC §17: where the log begins and what the state says of the cutover tell one story. */
const guardCutover = Effect.fnUntraced(function* (state: ReplicatedState.ReplicatedState) {
  const snapshot = (yield* RaftLogStore).snapshotPointer()
  const cutover = state.sidecar.raftEnvelopeCutoverIndex
  const sidecar = { cutover, applied: state.applied.index }
  const problem = CutoverDivergence.problemOf({ snapshot, sidecar })
  if (problem !== undefined) return yield* problem
})

export const layer = Layer.effect(Applier, make)
