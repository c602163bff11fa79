/**
 * Compacts the log in a fibre of its own, which waits until there is something to do (SPEC §16).
 *
 * How far is read from the durable state when it begins, not from what has been applied: applied
 * entries may be lost with the commits that wait. What must never happen here: a compaction that holds
 * up the engine's loop. Proof: `test/layers/LogCompaction.test.ts`.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as ReplicatedState from "../domain/apply/ReplicatedState.ts"
import type { SidecarInconsistent } from "../domain/encryption/Errors.ts"
import type { GroupId, LogIndex } from "../domain/Ids.ts"
import * as Compaction from "../domain/log/Compaction.ts"
import type { LogWriteFailure, RecordCorrupted } from "../domain/log/Errors.ts"
import * as Position from "../domain/raft/Position.ts"
import { LogCompaction } from "../services/LogCompaction.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import { RaftLogStore } from "../services/RaftLogStore.ts"
import { StateStore } from "../services/StateStore.ts"

const make = Effect.fnUntraced(function* ({ groupId }: { readonly groupId: GroupId }) {
  const config = yield* NodeConfig
  const { bytes, compact, reader } = yield* RaftLogStore
  const { durable } = yield* StateStore
  const limits: Compaction.CompactionLimits = {
    entriesMax: config.compactionEntries,
    bytesMax: config.compactionBytes,
    tailEntries: config.compactionTailEntries
  }
  const extent = (): Compaction.LogExtent => ({
    first: reader.firstIndex(),
    last: reader.lastIndex(),
    bytes: bytes()
  })

  /** Both records are read in one turn, so of one commit. */
  const due = (): Result.Result<Due | undefined, RecordCorrupted | SidecarInconsistent> =>
    Result.gen(function* () {
      const applied = yield* ReplicatedState.appliedOf(durable, groupId)
      const index = applied?.index ?? Position.noIndex
      const through = Compaction.through(extent(), index, limits)
      if (through === undefined) return undefined
      const cutover = yield* ReplicatedState.cutoverOf(durable, groupId)
      return { through, cutover }
    })

  const wanted = Latch.makeUnsafe(false)
  const step = Effect.gen(function* () {
    yield* wanted.await
    wanted.closeUnsafe()
    const compaction = yield* Effect.suspend(() => Effect.fromResult(due())).pipe(
      // The opening has read it: this node has written what contradicts itself.
      Effect.catchTag("SidecarInconsistent", Effect.die)
    )
    if (compaction !== undefined) yield* compact(compaction)
  })
  const failure = yield* Deferred.make<never, LogWriteFailure | RecordCorrupted>()
  yield* Effect.forkScoped(
    Effect.catchCause(Effect.forever(step), (cause) => Deferred.failCause(failure, cause))
  )
  return LogCompaction.of({
    progressed: () => {
      if (Compaction.isDue(extent(), limits)) wanted.openUnsafe()
    },
    failed: Deferred.await(failure)
  })
})

interface Due {
  readonly through: LogIndex
  readonly cutover: LogIndex
}

export const layer = (options: {
  readonly groupId: GroupId
}): Layer.Layer<LogCompaction, never, NodeConfig | RaftLogStore | StateStore> =>
  Layer.effect(LogCompaction, make(options))
