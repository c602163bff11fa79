/**
 * A snapshot that arrives: made into a state beside the one that counts, checked, and then put in its
 * place together with the log's prefix (SPEC §16).
 *
 * Two steps, because only the second is the engine's: until `install` nothing has happened, whatever
 * ends the first. What must never happen here: a state that counts and is not whole, or that the next
 * opening would refuse; memory that grows with the snapshot.
 * Proof: `test/layers/SnapshotTransfer.test.ts`, `test/layers/SnapshotCrash.test.ts`.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as ReplicatedState from "../domain/apply/ReplicatedState.ts"
import type { ClusterId, GroupId } from "../domain/Ids.ts"
import type { LogWriteFailure } from "../domain/log/Errors.ts"
import type { HardState } from "../domain/raft/HardState.ts"
import {
  SnapshotCorrupted,
  type SnapshotInconsistent,
  type SnapshotVersionUnknown
} from "../domain/snapshot/Errors.ts"
import * as SnapshotCheck from "../domain/snapshot/SnapshotCheck.ts"
import { SnapshotDecoder, type SnapshotOf } from "../domain/snapshot/SnapshotStream.ts"
import { RaftLogStore } from "../services/RaftLogStore.ts"
import { type Staging, type StagingFailure, StateStore } from "../services/StateStore.ts"

/** Whole, durable and checked; nothing counts it yet. */
export interface Received {
  readonly of: SnapshotOf
  /** What it says about encryption, members and progress. */
  readonly state: ReplicatedState.ReplicatedState
  readonly staging: Staging
}

/** Why a snapshot is not taken in. Of these only a `StateWriteFailure` is fatal to the node. */
export type ReceiveFailure =
  | SnapshotCorrupted
  | SnapshotVersionUnknown
  | SnapshotInconsistent
  | ReplicatedState.LoadFailure
  | StagingFailure

/** Takes in the bytes no faster than the disk does. Gone with the scope, unless it is installed. */
export const receive = <E>(
  identity: { readonly groupId: GroupId; readonly clusterId: ClusterId },
  bytes: Stream.Stream<Uint8Array, E>
): Effect.Effect<Received, E | ReceiveFailure, StateStore | Scope.Scope> =>
  Effect.gen(function* () {
    const staging = yield* Effect.flatMap(StateStore, (store) => store.stage)
    const decoder = new SnapshotDecoder()
    yield* Stream.runForEach(bytes, (piece) =>
      Effect.flatMap(
        Effect.suspend(() => Effect.fromResult(decoder.push(piece))),
        (rows) => (rows.length === 0 ? Effect.void : staging.write(rows))
      )
    )
    const { isComplete, of } = decoder
    if (!isComplete || of === undefined)
      return yield* new SnapshotCorrupted({ reason: "truncated" })
    const reader = yield* staging.complete
    const state = yield* Effect.fromResult(SnapshotCheck.check(reader, { ...identity, of }))
    return { of, state, staging }
  })

/**
 * From here on it counts: first in the log, whose one commit decides, then in the store. Between two
 * runs of applied entries, and never beside a `persist`. `hardState` goes with that commit.
 */
export const install = (
  { of, staging }: Received,
  hardState?: HardState | undefined
): Effect.Effect<void, LogWriteFailure, RaftLogStore | StateStore> =>
  Effect.gen(function* () {
    const log = yield* RaftLogStore
    const store = yield* StateStore
    const { ceiling: index, cutover, term } = of
    const { generation } = staging
    yield* store.install(staging, log.install({ index, term, cutover, generation, hardState }))
  })
