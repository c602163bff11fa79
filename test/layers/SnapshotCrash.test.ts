/**
 * A crash at any point of an installation leaves the old state whole or the new one (SPEC §16): the
 * power of a memory disk goes before each of its commits in turn. With real directories and processes:
 * `test/e2e/SnapshotCrash.test.ts`.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { LogIndex, Term } from "../../src/domain/Ids.ts"
import * as LogEnvironmentMemory from "../../src/layers/LogEnvironmentMemory.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import * as SnapshotInstall from "../../src/layers/SnapshotInstall.ts"
import * as SnapshotSource from "../../src/layers/SnapshotSource.ts"
import * as StateStoreMemory from "../../src/layers/StateStoreMemory.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { StateStore } from "../../src/services/StateStore.ts"
import { FailingDisk } from "../support/FailingDisk.ts"
import { contentOf, fill, groupId, identity, stateAt } from "../support/SnapshotStates.ts"

const stores = (disk: MemoryDisk) =>
  Layer.provideMerge(
    StateStoreMemory.layer({ disk }),
    LogEnvironmentMemory.layer({ disk, groupId })
  )

const entries = (until: number, term: number) =>
  Array.from({ length: until - 1 }, (_, offset) => ({
    index: (offset + 1) as LogIndex,
    term: term as Term,
    kind: "normal" as const,
    data: Buffer.alloc(10)
  }))

/** A log of entries of `term` up to `last`, of which the state has applied 20. */
const prepare = (last: number, term: number) =>
  Effect.gen(function* () {
    const log = yield* RaftLogStore
    const hardState = { term: term as Term, vote: undefined, commit: 20 as LogIndex }
    yield* log.persist({ entries: entries(last + 1, term), hardState })
    yield* fill(stateAt(20, term), { count: 3, valueBytes: 100 })
  })

/** What an opening finds: which state, and which log. */
const found = Effect.gen(function* () {
  const { hardState, reader, snapshotPointer } = yield* RaftLogStore
  const { reader: state } = yield* StateStore
  const first = reader.firstIndex()
  const last = reader.lastIndex()
  const read = reader.entries(first, (last + 1) as LogIndex, 1 << 30)
  expect(read).toHaveLength(last - first + 1)
  return {
    first,
    last,
    commit: hardState().commit,
    generation: snapshotPointer().generation,
    content: contentOf(state)
  }
})

/** A snapshot of index 600, term 3, in pieces. */
const snapshot = Effect.gen(function* () {
  yield* fill(stateAt(600, 3), { count: 300, valueBytes: 3_000 })
  const source = yield* SnapshotSource.open(groupId)
  return { pieces: yield* Stream.runCollect(source!.bytes), content: contentOf(yield* reader) }
}).pipe(Effect.scoped)

const reader = Effect.map(StateStore, (store) => store.reader)

/** Takes in the snapshot and installs it, as far as the disk lets it. */
const install = (pieces: ReadonlyArray<Uint8Array>) =>
  Effect.flatMap(SnapshotInstall.receive(identity, Stream.fromIterable(pieces)), (received) =>
    SnapshotInstall.install(received)
  ).pipe(Effect.scoped, Effect.exit)

/** Logs to install it in: how far they go, and the term of their entries. */
const logs = [
  { what: "that ends below it", last: 30, term: 2 },
  { what: "that holds its entry and more", last: 1_300, term: 3 },
  { what: "that contradicts it, and is longer", last: 1_300, term: 2 }
]

describe("a crash while a snapshot is installed", () => {
  for (const { last, term, what } of logs) {
    it.effect(`leaves the old or the new, in a log ${what}`, () =>
      Effect.gen(function* () {
        const sent = yield* snapshot.pipe(Effect.provide(stores(new MemoryDisk())))
        const generations: Array<number> = []
        for (let commits = 0; ; commits++) {
          const disk = new FailingDisk()
          const before = yield* Effect.andThen(prepare(last, term), found).pipe(
            Effect.provide(stores(disk))
          )
          const isDone = yield* Effect.gen(function* () {
            disk.commitsLeft = commits
            return (yield* install(sent.pieces))._tag === "Success"
          }).pipe(Effect.provide(stores(disk)))
          disk.crash({ keptCommits: 0 })
          disk.commitsLeft = Number.POSITIVE_INFINITY
          const after = yield* found.pipe(Effect.provide(stores(disk)))
          generations.push(after.generation)
          if (after.generation === 0) {
            expect(after).toMatchObject({ first: 1, commit: 20, content: before.content })
            // Only what was never committed, and contradicts it, may be gone.
            expect(after.last).toBeGreaterThanOrEqual(Math.min(last, 600))
          } else {
            const end = term === 3 ? last : 600
            expect(after).toMatchObject({ first: 601, last: end, commit: 600, generation: 1 })
            expect(after.content).toEqual(sent.content)
          }
          expect(disk.generations).toEqual([after.generation])
          expect([...disk.entries.keys()].every((index) => index >= after.first)).toBe(true)
          if (isDone) break
        }
        // Once it is the new one it is never the old one again, and both were seen.
        expect(generations).toEqual(generations.toSorted((a, b) => a - b))
        expect(new Set(generations)).toEqual(new Set([0, 1]))
      })
    )
  }
})
