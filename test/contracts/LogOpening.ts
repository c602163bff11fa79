/** What a log on disk must be to be opened, against every layer of `RaftLogStore` (SPEC §8, §17). */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { GroupId, LogIndex, Term } from "../../src/domain/Ids.ts"
import * as SnapshotPointer from "../../src/domain/log/SnapshotPointer.ts"
import * as SnapshotPointerRecord from "../../src/domain/log/SnapshotPointerRecord.ts"
import type { Entry } from "../../src/domain/raft/Entry.ts"
import type { HardState } from "../../src/domain/raft/HardState.ts"
import * as FormatVersion from "../../src/domain/state/FormatVersion.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import type { DurableStores, MakeStores, StoredRecord } from "./Stores.ts"

const groupId = 0 as GroupId
const at = (index: number) => index as LogIndex

const pointerTo = (index: number, term: number) =>
  SnapshotPointerRecord.encode(groupId, {
    ...SnapshotPointer.initial,
    index: at(index),
    term: term as Term
  })

const entryOf = (index: number): Entry => ({
  index: at(index),
  term: index as Term,
  kind: "normal",
  data: Buffer.from(`data ${index}`)
})

/** Five entries, all committed. */
const fill = (stores: DurableStores) =>
  Effect.flatMap(RaftLogStore, (store) =>
    store.persist({
      entries: [1, 2, 3, 4, 5].map(entryOf),
      hardState: { term: 5 as Term, vote: undefined, commit: at(5) }
    })
  ).pipe(Effect.provide(stores.open()))

const replace = (stores: DurableStores, record: StoredRecord, bytes?: Buffer) =>
  Effect.promise(() => stores.replace(record, bytes))

const refusal = (stores: DurableStores) =>
  Effect.flip(Effect.asVoid(RaftLogStore).pipe(Effect.provide(stores.open())))

const entry = (index: number) => ({ _tag: "Entry", index }) as const

export function suite(name: string, makeStores: MakeStores): void {
  describe(`the opening of a log: ${name}`, () => {
    for (const index of [1, 3, 5]) {
      it.live(`entry ${index} of 5 is missing: refused, and named`, () => {
        const stores = makeStores()
        return Effect.gen(function* () {
          yield* fill(stores)
          yield* replace(stores, entry(index))
          expect(yield* refusal(stores)).toMatchObject({
            _tag: "LogCorrupted",
            index,
            reason: "missing"
          })
        })
      })
    }

    it.live("a damaged entry at either end is refused, and named", () => {
      const stores = makeStores()
      return Effect.gen(function* () {
        yield* fill(stores)
        for (const index of [1, 5]) {
          yield* Effect.promise(() => stores.flipBit(entry(index), 80))
          expect(yield* refusal(stores)).toMatchObject({ _tag: "LogCorrupted", index })
          yield* Effect.promise(() => stores.flipBit(entry(index), 80))
        }
      })
    })

    it.live("an unknown format version is refused", () => {
      const stores = makeStores()
      return Effect.gen(function* () {
        yield* fill(stores)
        yield* replace(stores, { _tag: "FormatVersion" }, FormatVersion.encode("log", groupId, 2))
        expect(yield* refusal(stores)).toMatchObject({ _tag: "FormatVersionUnknown", found: 2 })
        yield* replace(stores, { _tag: "FormatVersion" }, FormatVersion.encode("state", groupId))
        expect(yield* refusal(stores)).toMatchObject({ _tag: "RecordCorrupted" })
        yield* replace(stores, { _tag: "FormatVersion" })
        expect(yield* refusal(stores)).toMatchObject({
          _tag: "RecordCorrupted",
          record: "formatVersion/log",
          reason: "missing"
        })
      })
    })

    it.live("begins after the snapshot pointer, whose term it answers", () => {
      const stores = makeStores()
      const pointer = pointerTo(2, 2)
      return Effect.gen(function* () {
        yield* fill(stores)
        for (const index of [1, 2]) yield* replace(stores, entry(index))
        yield* replace(stores, { _tag: "SnapshotPointer" }, pointer)
        const { reader } = yield* RaftLogStore.pipe(Effect.provide(stores.open()))
        expect([reader.firstIndex(), reader.lastIndex()]).toEqual([3, 5])
      })
    })

    it.live("answers the term of the snapshot pointer, and no entry below it", () => {
      const stores = makeStores()
      const pointer = pointerTo(5, 4)
      return Effect.gen(function* () {
        yield* fill(stores)
        for (const index of [1, 2, 3, 4, 5]) yield* replace(stores, entry(index))
        yield* replace(stores, { _tag: "SnapshotPointer" }, pointer)
        const use = Effect.gen(function* () {
          const { persist, reader } = yield* RaftLogStore
          expect([reader.firstIndex(), reader.lastIndex()]).toEqual([6, 5])
          expect([4, 5, 6].map((index) => reader.term(at(index)))).toEqual([
            undefined,
            4,
            undefined
          ])
          yield* persist({ entries: [entryOf(6)], hardState: undefined })
          expect(reader.entries(at(6), at(7), 1)).toHaveLength(1)
        })
        yield* use.pipe(Effect.provide(stores.open()))
      })
    })
  })
}

/** What a write may not be, and what becomes of the bytes. */
export function writesSuite(name: string, makeStores: MakeStores): void {
  const persist = (entries: ReadonlyArray<Entry>, hardState?: HardState) =>
    Effect.flatMap(RaftLogStore, (store) => store.persist({ entries, hardState }))

  describe(`the writes of a log: ${name}`, () => {
    it.live("entries with a gap before or within them are a bug, and leave nothing", () => {
      const stores = makeStores()
      return Effect.gen(function* () {
        const { reader } = yield* RaftLogStore
        for (const entries of [[entryOf(2)], [entryOf(1), entryOf(3)]]) {
          const exit = yield* Effect.exit(persist(entries))
          expect(JSON.stringify(exit)).toContain("InvariantViolated")
        }
        const bad = { ...entryOf(2), term: 0 as Term }
        expect((yield* Effect.exit(persist([entryOf(1), bad])))._tag).toBe("Failure")
        expect(reader.lastIndex()).toBe(0)
        yield* persist([entryOf(1)])
        expect(reader.lastIndex()).toBe(1)
      }).pipe(Effect.provide(stores.open()))
    })

    it.live("keeps thousands of entries in one write, and replaces them by one", () => {
      const stores = makeStores()
      const many = Array.from({ length: 3000 }, (_, offset) => entryOf(offset + 1))
      return Effect.gen(function* () {
        const { reader } = yield* RaftLogStore
        yield* persist(many)
        expect(reader.entries(at(1), at(3001), 1 << 30)).toEqual(many)
        yield* persist([entryOf(1)])
        expect(reader.lastIndex()).toBe(1)
      }).pipe(
        Effect.provide(stores.open()),
        Effect.andThen(
          Effect.map(RaftLogStore, ({ reader }) => expect(reader.lastIndex()).toBe(1)).pipe(
            Effect.provide(stores.open())
          )
        )
      )
    })

    it.live("answers entries whose bytes are the caller's", () => {
      const stores = makeStores()
      return Effect.gen(function* () {
        yield* persist([entryOf(1), entryOf(2)])
        const { reader } = yield* RaftLogStore
        const [first] = reader.entries(at(1), at(2), 1)
        reader.entries(at(2), at(3), 1)
        expect(first!.data).toEqual(entryOf(1).data)
        first!.data.fill(0)
        expect(reader.entries(at(1), at(2), 1)).toEqual([entryOf(1)])
      }).pipe(Effect.provide(stores.open()))
    })
  })
}
