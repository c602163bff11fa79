/**
 * A crash at any point of an installation leaves the old state whole or the new one (SPEC §16): the
 * power of a memory disk goes before each of its commits in turn. With real directories and processes:
 * `test/e2e/SnapshotCrash.test.ts`.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LogEnvironmentMemory from "../../src/layers/LogEnvironmentMemory.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import * as StateStoreMemory from "../../src/layers/StateStoreMemory.ts"
import { FailingDisk } from "../support/FailingDisk.ts"
import * as Crashes from "../support/SnapshotCrashes.ts"
import { groupId } from "../support/SnapshotStates.ts"

const stores = (disk: MemoryDisk) =>
  Layer.provideMerge(
    StateStoreMemory.layer({ disk }),
    LogEnvironmentMemory.layer({ disk, groupId })
  )

describe("a crash while a snapshot is installed", () => {
  for (const { what, ...log } of Crashes.logs) {
    it.effect(`leaves the old or the new, in a log ${what}`, () =>
      Effect.gen(function* () {
        const sent = yield* Crashes.take({ count: 300, valueBytes: 3_000 }).pipe(
          Effect.provide(stores(new MemoryDisk()))
        )
        const generations: Array<number> = []
        for (let commits = 0; ; commits++) {
          const disk = new FailingDisk()
          const before = yield* Effect.andThen(Crashes.prepare(log), Crashes.found).pipe(
            Effect.provide(stores(disk))
          )
          const ended = yield* Effect.gen(function* () {
            disk.commitsLeft = commits
            return yield* Effect.exit(Crashes.install(sent.pieces))
          }).pipe(Effect.provide(stores(disk)))
          disk.crash({ keptCommits: 0 })
          disk.commitsLeft = Number.POSITIVE_INFINITY
          const after = yield* Crashes.found.pipe(Effect.provide(stores(disk)))
          generations.push(after.generation)
          Crashes.assertOldOrNew(after, { before, log, sent })
          expect(disk.generations).toEqual([after.generation])
          expect([...disk.entries.keys()].every((index) => index >= after.first)).toBe(true)
          if (ended._tag === "Success") break
        }
        // Once it is the new one it is never the old one again, and both were seen.
        expect(generations).toEqual(generations.toSorted((a, b) => a - b))
        expect(new Set(generations)).toEqual(new Set([0, 1]))
      })
    )
  }
})
