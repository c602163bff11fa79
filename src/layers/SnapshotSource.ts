/**
 * A snapshot to send: one moment of this node's durable state, as a stream that is pulled (SPEC §16).
 *
 * Nothing is stored for it: the state environment is the snapshot, and a read transaction holds the
 * moment for as long as the scope lives. What must never happen here: a state announced that is not
 * durable, for its log could be lost. Proof: `test/layers/SnapshotTransfer.test.ts`.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ReplicatedState from "../domain/apply/ReplicatedState.ts"
import type { GroupId } from "../domain/Ids.ts"
import type { Snapshot } from "../domain/raft/Snapshot.ts"
import { SnapshotChunks } from "../domain/snapshot/SnapshotChunks.ts"
import type { SnapshotOf } from "../domain/snapshot/SnapshotStream.ts"
import { StateStore } from "../services/StateStore.ts"

export interface SnapshotSource {
  readonly of: SnapshotOf
  /** What the message that announces it must say; the core may have been told of an older one. */
  readonly snapshot: Snapshot
  /** The header, then chunks; each is made when it is asked for. From its beginning at every run. */
  readonly bytes: Stream.Stream<Uint8Array>
}

/** The durable state of this moment; `undefined` while nothing was applied. */
export const open = (
  groupId: GroupId
): Effect.Effect<
  SnapshotSource | undefined,
  ReplicatedState.LoadFailure,
  StateStore | Scope.Scope
> =>
  Effect.gen(function* () {
    const { reader } = yield* Effect.flatMap(StateStore, (store) => store.snapshot)
    const state = yield* Effect.fromResult(ReplicatedState.load(reader, groupId))
    if (state === undefined || state.applied.index === 0) return undefined
    const { applied, members, sidecar } = state
    const { index, term } = applied
    const of = { ceiling: index, cutover: sidecar.raftEnvelopeCutoverIndex, term }
    const bytes = Stream.suspend(() => pulled(new SnapshotChunks(reader, of)))
    return { of, snapshot: { index, term, membership: members.configuration }, bytes }
  })

/** Once per chunk. */
const pulled = (chunks: SnapshotChunks): Stream.Stream<Uint8Array> =>
  Stream.unfold(chunks, () =>
    Effect.sync(() => {
      const piece = chunks.next()
      return piece === undefined ? undefined : ([piece, chunks] as const)
    })
  )
