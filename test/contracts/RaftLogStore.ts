/** The contract of `RaftLogStore`, against every layer of it (SPEC §8). */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { LogIndex, MemberId, Term } from "../../src/domain/Ids.ts"
import type { Entry, EntryKind } from "../../src/domain/raft/Entry.ts"
import * as HardState from "../../src/domain/raft/HardState.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { seededNumbers } from "../support/SeededNumbers.ts"
import type { MakeStores } from "./Stores.ts"

const kinds: ReadonlyArray<EntryKind> = ["normal", "noop", "membership", "registration"]

const entryOf = (index: number, term: number, data: string): Entry => ({
  index: index as LogIndex,
  term: term as Term,
  kind: kinds[index % 4]!,
  data: Buffer.from(data)
})

const at = (index: number) => index as LogIndex

const through = (index: number) => ({ through: at(index), cutover: at(0) })

const readAll = Effect.map(RaftLogStore, ({ reader }) =>
  reader.entries(reader.firstIndex(), at(reader.lastIndex() + 1), 1 << 30)
)

const plain = (entries: ReadonlyArray<Entry>) =>
  entries.map(({ data, index, kind, term }) => [index, term, kind, Buffer.from(data).toString()])

const persist = (entries: ReadonlyArray<Entry>, hardState?: HardState.HardState) =>
  Effect.flatMap(RaftLogStore, (store) => store.persist({ entries, hardState }))

export function suite(name: string, makeStores: MakeStores): void {
  describe(`RaftLogStore: ${name}`, () => {
    it.live("is empty at first", () => {
      const stores = makeStores()
      return Effect.gen(function* () {
        const { hardState, reader } = yield* RaftLogStore
        expect([reader.firstIndex(), reader.lastIndex()]).toEqual([1, 0])
        expect(reader.term(at(0))).toBe(0)
        expect(reader.term(at(1))).toBeUndefined()
        expect(hardState()).toEqual(HardState.initial)
      }).pipe(Effect.provide(stores.open()))
    })

    it.live("keeps entries and hard state over a reopening", () => {
      const stores = makeStores()
      const written = [1, 2, 3].map((index) => entryOf(index, 2, `data ${index}`))
      const hardState = { term: 2 as Term, vote: 1 as MemberId, commit: at(3) }
      return Effect.gen(function* () {
        yield* persist(written, hardState).pipe(Effect.provide(stores.open()))
        const [found, foundHardState] = yield* Effect.all([
          readAll,
          Effect.map(RaftLogStore, (store) => store.hardState())
        ]).pipe(Effect.provide(stores.open()))
        expect(plain(found)).toEqual(plain(written))
        expect(foundHardState).toEqual(hardState)
      })
    })

    it.live("forgets a prefix, keeps its term, and begins there after a reopening", () => {
      const stores = makeStores()
      const written = Array.from({ length: 700 }, (_, offset) =>
        entryOf(offset + 1, 1 + Math.floor(offset / 100), `data ${offset}`)
      )
      const check = Effect.gen(function* () {
        const { reader } = yield* RaftLogStore
        expect([reader.firstIndex(), reader.lastIndex()]).toEqual([602, 700])
        expect([600, 601, 602].map((index) => reader.term(at(index)))).toEqual([undefined, 7, 7])
        expect(plain(yield* readAll)).toEqual(plain(written.slice(601)))
      })
      return Effect.gen(function* () {
        yield* Effect.gen(function* () {
          const { compact, reader } = yield* RaftLogStore
          yield* persist(written)
          yield* compact(through(10))
          expect(reader.firstIndex()).toBe(11)
          yield* compact(through(5))
          expect(reader.firstIndex()).toBe(11)
          yield* compact(through(601))
          yield* check
        }).pipe(Effect.provide(stores.open()))
        yield* Effect.gen(function* () {
          yield* check
          const { compact, reader } = yield* RaftLogStore
          yield* compact(through(700))
          expect([reader.firstIndex(), reader.lastIndex()]).toEqual([701, 700])
          yield* persist([entryOf(701, 9, "next")])
          expect(plain(yield* readAll)).toEqual(plain([entryOf(701, 9, "next")]))
        }).pipe(Effect.provide(stores.open()))
      })
    })

    it.live("forgets beside a write under way, and readers never miss an entry", () => {
      const stores = makeStores()
      return Effect.gen(function* () {
        const { compact, reader } = yield* RaftLogStore
        yield* persist(Array.from({ length: 600 }, (_, offset) => entryOf(offset + 1, 1, "x")))
        const reading = Effect.gen(function* () {
          while (reader.firstIndex() <= 590) {
            const first = reader.firstIndex()
            expect(reader.entries(first, at(reader.lastIndex() + 1), 1)).toHaveLength(1)
            expect(reader.term(at(first - 1))).toBe(first === 1 ? 0 : 1)
            yield* Effect.yieldNow
          }
        })
        const writing = Effect.forEach([601, 602, 603], (index) =>
          persist([entryOf(index, 2, "y")])
        )
        yield* Effect.all([compact(through(590)), writing, reading], { concurrency: "unbounded" })
        expect([reader.firstIndex(), reader.lastIndex()]).toEqual([591, 603])
        const beyond = yield* Effect.exit(compact(through(604)))
        expect(JSON.stringify(beyond)).toContain("InvariantViolated")
      }).pipe(Effect.provide(stores.open()))
    })

    it.live("replaces everything from the first new entry on", () => {
      const stores = makeStores()
      return Effect.gen(function* () {
        yield* persist([1, 2, 3, 4, 5].map((index) => entryOf(index, 1, "old")))
        yield* persist([entryOf(3, 2, "new")])
        const { reader } = yield* RaftLogStore
        expect(reader.lastIndex()).toBe(3)
        expect(plain(yield* readAll).map(([, term]) => term)).toEqual([1, 1, 2])
        expect(reader.term(at(4))).toBeUndefined()
      }).pipe(
        Effect.andThen(Effect.map(readAll, (found) => expect(found).toHaveLength(3))),
        Effect.provide(stores.open())
      )
    })

    it.live("answers at most the bytes asked for, and at least one entry", () => {
      const stores = makeStores()
      return Effect.gen(function* () {
        yield* persist([1, 2, 3].map((index) => entryOf(index, 1, "x".repeat(100))))
        const { reader } = yield* RaftLogStore
        expect(reader.entries(at(1), at(4), 1)).toHaveLength(1)
        expect(reader.entries(at(1), at(4), 250)).toHaveLength(2)
        expect(reader.entries(at(2), at(3), 1 << 20)).toHaveLength(1)
      }).pipe(Effect.provide(stores.open()))
    })

    it.live("names the entry in which a bit was flipped, whichever bit", () => {
      const stores = makeStores()
      return Effect.gen(function* () {
        yield* persist([1, 2, 3].map((index) => entryOf(index, 1, "some data"))).pipe(
          Effect.provide(stores.open())
        )
        for (const bit of [0, 63, 70, 77, 100, 140, 175]) {
          yield* Effect.promise(() => stores.flipBit({ _tag: "Entry", index: 2 }, bit))
          const error = yield* Effect.flip(
            Effect.flatMap(RaftLogStore, ({ reader }) =>
              Effect.try({ try: () => reader.term(at(2)), catch: (thrown) => thrown })
            ).pipe(Effect.provide(stores.open()))
          )
          expect(error).toMatchObject({ _tag: "LogCorrupted", index: 2 })
          yield* Effect.promise(() => stores.flipBit({ _tag: "Entry", index: 2 }, bit))
        }
      })
    })

    it.live("names the hard state in which a bit was flipped", () => {
      const stores = makeStores()
      const hardState = { term: 2 as Term, vote: undefined, commit: at(0) }
      return Effect.gen(function* () {
        yield* persist([], hardState).pipe(Effect.provide(stores.open()))
        yield* Effect.promise(() => stores.flipBit({ _tag: "HardState" }, 62))
        const error = yield* Effect.flip(
          Effect.flatMap(RaftLogStore, (store) =>
            Effect.try({ try: store.hardState, catch: (thrown) => thrown })
          ).pipe(Effect.provide(stores.open()))
        )
        expect(error).toMatchObject({ _tag: "RecordCorrupted", record: "hardState" })
      })
    })

    it.live("agrees with a dumb list over random writes and reopenings", () => {
      const stores = makeStores()
      const numbers = seededNumbers(7)
      return Effect.gen(function* () {
        let model: ReadonlyArray<Entry> = []
        for (let opening = 0; opening < 5; opening++) {
          const write = Effect.gen(function* () {
            expect(plain(yield* readAll)).toEqual(plain(model))
            for (let step = 0; step < 12; step++) {
              const from = 1 + numbers.below(model.length + 1)
              const count = 1 + numbers.below(4)
              const entries = Array.from({ length: count }, (_, offset) =>
                entryOf(from + offset, opening + 1, `${opening}/${step}/${offset}`)
              )
              yield* persist(entries)
              model = [...model.slice(0, from - 1), ...entries]
              expect(plain(yield* readAll)).toEqual(plain(model))
            }
          })
          yield* write.pipe(Effect.provide(stores.open()))
        }
      })
    })
  })
}
