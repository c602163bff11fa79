/**
 * The memory twin of the log environment: the same records on a {@link MemoryDisk}.
 *
 * For tests and embedders. No promise and no timer of its own: a write is durable when its effect has
 * run, and takes time only if the disk is told to, on Effect's clock. What must never happen: an
 * answer the LMDB store would not give (both are `LogEnvironment`), a write that reaches the disk
 * after the crash of its opening.
 * Proof: `test/contracts/`, run by `test/layers/MemoryStores.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { GroupId, LogIndex } from "../domain/Ids.ts"
import { DataDirectoryLocked } from "../domain/state/Errors.ts"
import type { LocalStore } from "../services/LocalStore.ts"
import type { RaftLogStore } from "../services/RaftLogStore.ts"
import * as LogEnvironment from "./LogEnvironment.ts"
import type { MemoryDisk } from "./MemoryDisk.ts"

export interface MemoryLogOptions {
  readonly disk: MemoryDisk
  readonly groupId: GroupId
}

/** Fails with `DataDirectoryLocked` while another layer has the same disk open. */
export const layer = (
  options: MemoryLogOptions
): Layer.Layer<RaftLogStore | LocalStore, DataDirectoryLocked | LogEnvironment.OpenFailure> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const { disk, groupId } = options
      if (disk.isOpen) return yield* new DataDirectoryLocked({ directory: "(memory)" })
      const opening = yield* Effect.acquireRelease(
        Effect.sync(() => {
          disk.isOpen = true
          return disk.opening
        }),
        // After a crash the disk may be another opening's already.
        (opening) =>
          Effect.sync(() => {
            if (disk.opening === opening) disk.isOpen = false
          })
      )
      return yield* LogEnvironment.make(groupId, logTables(disk, opening))
    })
  )

const logTables = (disk: MemoryDisk, opening: number): LogEnvironment.LogTables => ({
  entry: (index) => copyOf(disk.entries.get(index)),
  extent: () => {
    if (disk.entries.size === 0) return undefined
    let first = Number.POSITIVE_INFINITY
    let last = 0
    let bytes = 0
    for (const [index, record] of disk.entries) {
      bytes += record.length
      first = Math.min(first, index)
      last = Math.max(last, index)
    }
    return { first: first as LogIndex, last: last as LogIndex, count: disk.entries.size, bytes }
  },
  record: (name) => copyOf(name === "local" ? disk.local : disk.meta.get(name)),
  commit: (changes) => {
    const write = Effect.suspend(() => {
      const fault = disk.writeLog(opening, changes)
      return fault === undefined ? Effect.void : Effect.fail(fault)
    })
    if (disk.logWriteMillis === 0) return write
    // A crash finds it before the disk has it, or after that and before anybody knows.
    const half = Effect.sleep(disk.logWriteMillis / 2)
    return half.pipe(Effect.andThen(write), Effect.andThen(half))
  }
})

const copyOf = (bytes: Buffer | undefined): Buffer | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes)
