/** A snapshot in the place of a log's prefix, against every layer of `RaftLogStore` (SPEC §8, §16). */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { GroupId, LogIndex, StateGeneration, Term } from "../../src/domain/Ids.ts"
import * as SnapshotPointerRecord from "../../src/domain/log/SnapshotPointerRecord.ts"
import type { Entry } from "../../src/domain/raft/Entry.ts"
import { type Installation, RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { StateStore } from "../../src/services/StateStore.ts"
import type { MakeStores } from "./Stores.ts"

const at = (index: number) => index as LogIndex

const entryOf = (index: number, term = 1): Entry => ({
  index: at(index),
  term: term as Term,
  kind: "normal",
  data: Buffer.from(`data ${index}`)
})

const entries = (from: number, until: number, term = 1) =>
  Array.from({ length: until - from }, (_, offset) => entryOf(from + offset, term))

const snapshotAt = (index: number, term: number, more: Partial<Installation> = {}) => ({
  index: at(index),
  term: term as Term,
  cutover: at(0),
  generation: 1 as StateGeneration,
  ...more
})

const fill = (count: number, commit: number) =>
  Effect.flatMap(RaftLogStore, (log) =>
    log.persist({
      entries: entries(1, count + 1),
      hardState: { term: 1 as Term, vote: undefined, commit: at(commit) }
    })
  )

/** With an empty state, which an opening must find. */
const install = (installation: Installation) =>
  Effect.scoped(
    Effect.gen(function* () {
      const [log, state] = yield* Effect.all([RaftLogStore, StateStore])
      const staging = yield* state.stage
      yield* staging.complete
      const { generation } = staging
      yield* state.install(staging, log.install({ ...installation, generation }))
    })
  )

/** First and last index, the indexes that can be read, the commit index. */
const shape = Effect.map(RaftLogStore, ({ hardState, reader }) => {
  const until = at(reader.lastIndex() + 1)
  const found = reader.entries(reader.firstIndex(), until, 1 << 30)
  return {
    first: reader.firstIndex(),
    last: reader.lastIndex(),
    readable: found.map(({ index }) => index),
    commit: hardState().commit
  }
})

export function suite(name: string, makeStores: MakeStores): void {
  /** What the log is at once, and after a reopening. */
  const installing = (filled: number, commit: number, installation: Installation) => {
    const stores = makeStores()
    return Effect.gen(function* () {
      const now = yield* Effect.gen(function* () {
        yield* fill(filled, commit)
        yield* install(installation)
        const { reader, snapshotPointer } = yield* RaftLogStore
        expect(reader.term(installation.index)).toBe(installation.term)
        expect(reader.term(at(installation.index - 1))).toBeUndefined()
        expect(snapshotPointer().generation).toBe(1)
        return yield* shape
      }).pipe(Effect.provide(stores.open()))
      yield* Effect.gen(function* () {
        expect(yield* shape).toEqual(now)
        const { persist } = yield* RaftLogStore
        yield* persist({ entries: [entryOf(now.last + 1, 9)], hardState: undefined })
        expect((yield* shape).last).toBe(now.last + 1)
      }).pipe(Effect.provide(stores.open()))
      return now
    })
  }

  describe(`a snapshot is installed in the log: ${name}`, () => {
    it.live("above its end: the log is empty and begins after it", () =>
      Effect.map(installing(10, 4, snapshotAt(50, 3)), (now) =>
        expect(now).toEqual({ first: 51, last: 50, readable: [], commit: 50 })
      )
    )

    it.live("at an entry it holds: those above stay", () =>
      Effect.map(installing(10, 4, snapshotAt(7, 1)), (now) =>
        expect(now).toEqual({ first: 8, last: 10, readable: [8, 9, 10], commit: 7 })
      )
    )

    it.live("at an index where it holds another entry: none stays", () =>
      Effect.map(installing(10, 4, snapshotAt(7, 2)), (now) =>
        expect(now).toEqual({ first: 8, last: 7, readable: [], commit: 7 })
      )
    )

    it.live("below its commit index, or in an empty log", () =>
      Effect.gen(function* () {
        expect(yield* installing(10, 9, snapshotAt(7, 1))).toMatchObject({ last: 10, commit: 9 })
        expect(yield* installing(0, 0, snapshotAt(7, 1))).toMatchObject({ last: 7, commit: 7 })
      })
    )

    it.live("in a long log, with entries that contradict it", () =>
      Effect.gen(function* () {
        const kept = yield* installing(1500, 3, snapshotAt(700, 1))
        expect([kept.first, kept.last, kept.readable.length]).toEqual([701, 1500, 800])
        const replaced = yield* installing(1500, 3, snapshotAt(700, 2))
        expect(replaced).toEqual({ first: 701, last: 700, readable: [], commit: 700 })
      })
    )

    it.live("with the hard state of the same commit, raised to the snapshot", () => {
      const stores = makeStores()
      const hardState = { term: 8 as Term, vote: undefined, commit: at(2) }
      return Effect.gen(function* () {
        const log = yield* RaftLogStore
        yield* log.install(snapshotAt(7, 5, { hardState, cutover: at(6) }))
        expect(log.hardState()).toEqual({ term: 8, vote: undefined, commit: 7 })
        expect(log.snapshotPointer()).toEqual({ index: 7, term: 5, cutover: 6, generation: 1 })
      }).pipe(Effect.provide(stores.open()))
    })

    it.live("with a hard state that counts on entries of the write after it", () => {
      const stores = makeStores()
      const hardState = { term: 8 as Term, vote: undefined, commit: at(9) }
      return Effect.gen(function* () {
        yield* Effect.gen(function* () {
          yield* fill(5, 2)
          yield* install(snapshotAt(7, 5, { hardState }))
        }).pipe(Effect.provide(stores.open()))
        const now = yield* Effect.provide(shape, stores.open())
        expect(now).toEqual({ first: 8, last: 7, readable: [], commit: 7 })
        const { term } = yield* Effect.provide(
          Effect.map(RaftLogStore, (log) => log.hardState()),
          stores.open()
        )
        expect(term).toBe(8)
      })
    })

    it.live("and compacted later, which keeps generation and cutover", () => {
      const stores = makeStores()
      return Effect.gen(function* () {
        yield* Effect.gen(function* () {
          const log = yield* RaftLogStore
          yield* install(snapshotAt(7, 1))
          yield* log.persist({ entries: entries(8, 20), hardState: undefined })
          yield* log.compact({ through: at(12), cutover: at(15) })
          expect(log.snapshotPointer()).toMatchObject({ index: 12, cutover: 0, generation: 1 })
          yield* log.compact({ through: at(16), cutover: at(15) })
        }).pipe(Effect.provide(stores.open()))
        const pointer = yield* Effect.map(RaftLogStore, (log) => log.snapshotPointer()).pipe(
          Effect.provide(stores.open())
        )
        expect(pointer).toEqual({ index: 16, term: 1, cutover: 15, generation: 1 })
      })
    })

    it.live("is a bug if it goes back, or takes away what was committed", () => {
      const stores = makeStores()
      return Effect.gen(function* () {
        yield* fill(20, 10)
        const log = yield* RaftLogStore
        yield* log.install(snapshotAt(7, 1, { cutover: at(3) }))
        const generation = 2 as StateGeneration
        for (const wrong of [
          snapshotAt(6, 1, { generation, cutover: at(3) }),
          snapshotAt(8, 1, { cutover: at(3) }),
          snapshotAt(8, 1, { generation, cutover: at(4) }),
          snapshotAt(9, 2, { generation, cutover: at(3) })
        ]) {
          const exit = yield* Effect.exit(log.install(wrong))
          expect(JSON.stringify(exit)).toContain("Invariant")
        }
        expect(yield* shape).toMatchObject({ first: 8, last: 20, commit: 10 })
      }).pipe(Effect.provide(stores.open()))
    })

    it.live("entries that it has replaced and a crash has left are removed at the opening", () => {
      const stores = makeStores()
      const pointer = SnapshotPointerRecord.encode(0 as GroupId, {
        ...snapshotAt(600, 1),
        generation: 0 as StateGeneration
      })
      return Effect.gen(function* () {
        yield* fill(700, 4).pipe(Effect.provide(stores.open()))
        yield* Effect.promise(() => stores.replace({ _tag: "SnapshotPointer" }, pointer))
        for (let opening = 0; opening < 2; opening++) {
          const found = yield* shape.pipe(Effect.provide(stores.open()))
          expect([found.first, found.last, found.readable.length]).toEqual([601, 700, 100])
        }
      })
    })
  })
}
