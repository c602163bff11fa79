/** Snapshots of the state, and states staged beside it, against every layer of `StateStore` (SPEC §16). */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { LogIndex, StateGeneration, Term } from "../../src/domain/Ids.ts"
import type { StateReader } from "../../src/domain/state/StateTransaction.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { StateStore } from "../../src/services/StateStore.ts"
import { seededNumbers } from "../support/SeededNumbers.ts"
import type { MakeStores } from "./Stores.ts"

const bytes = (...values: ReadonlyArray<number>) => Buffer.from(values)

const rowOf = (key: number, value: number) => ({
  table: "kv" as const,
  key: bytes(key),
  value: bytes(value)
})

const rows = (reader: StateReader) =>
  reader.range("kv", {}).map(({ key, value }) => [key[0], value[0]])

const put = (key: number, value: number) =>
  Effect.map(StateStore, ({ transact }) =>
    transact((transaction) => transaction.put("kv", bytes(key), bytes(value)))
  )

const flush = Effect.flatMap(StateStore, (store) => store.flush)

const installation = (index: number, generation: StateGeneration) => ({
  index: index as LogIndex,
  term: 1 as Term,
  cutover: 0 as LogIndex,
  generation
})

export function suite(name: string, makeStores: MakeStores): void {
  describe(`generations of the state: ${name}`, () => {
    it.live("a snapshot is of the durable state of its moment, whatever is committed after", () => {
      const stores = makeStores()
      return Effect.gen(function* () {
        const store = yield* StateStore
        yield* put(1, 1)
        yield* put(2, 2)
        yield* flush
        const scope = yield* Scope.make()
        const { reader } = yield* Scope.provide(store.snapshot, scope)
        yield* put(1, 9)
        yield* put(3, 3)
        store.transact((transaction) => transaction.remove("kv", bytes(2)))
        yield* flush
        const then = [
          [1, 1],
          [2, 2]
        ]
        expect(rows(reader)).toEqual(then)
        expect(reader.get("kv", bytes(1))).toEqual(bytes(1))
        // Page by page, with the turns and the commits of others between them.
        const first = reader.range("kv", { limit: 1 })
        yield* put(4, 4)
        yield* flush
        const second = reader.range("kv", { from: bytes(1, 0), limit: 1 })
        expect([...first, ...second].map(({ value }) => value[0])).toEqual([1, 2])
        expect(rows(store.durable)).toEqual([
          [1, 9],
          [3, 3],
          [4, 4]
        ])
        yield* Scope.close(scope, Exit.void)
        expect(() => reader.get("kv", bytes(1))).toThrow("within its scope")
      }).pipe(Effect.provide(stores.open()))
    })

    it.live("several snapshots live side by side, begun in one turn or in others", () => {
      const stores = makeStores()
      return Effect.gen(function* () {
        const store = yield* StateStore
        const scopes: Array<Scope.Closeable> = []
        const readers: Array<StateReader> = []
        for (let value = 1; value <= 4; value++) {
          yield* put(1, value)
          yield* flush
          for (let copy = 0; copy < 2; copy++) {
            const scope = yield* Scope.make()
            scopes.push(scope)
            readers.push((yield* Scope.provide(store.snapshot, scope)).reader)
          }
        }
        const values = () => readers.map((reader) => reader.get("kv", bytes(1))?.[0])
        expect(values()).toEqual([1, 1, 2, 2, 3, 3, 4, 4])
        for (const scope of scopes.splice(0, 3)) yield* Scope.close(scope, Exit.void)
        readers.splice(0, 3)
        expect(values()).toEqual([2, 3, 3, 4, 4])
        for (const scope of scopes) yield* Scope.close(scope, Exit.void)
        expect(rows(store.reader)).toEqual([[1, 4]])
      }).pipe(Effect.provide(stores.open()))
    })

    it.live("each agrees with a map of its moment, over random commits, reads and ends", () => {
      const stores = makeStores()
      const numbers = seededNumbers(21)
      const keyOf = (key: number) => Buffer.from([1, key])
      return Effect.gen(function* () {
        const store = yield* StateStore
        const model = new Map<number, number>()
        const moments: Array<{ scope: Scope.Closeable; reader: StateReader; held: typeof model }> =
          []
        for (let step = 0; step < 400; step++) {
          const what = numbers.below(5)
          if (what < 2) {
            store.transact((transaction) => {
              for (let write = 0; write < 10; write++) {
                const [key, value] = [numbers.below(200), numbers.below(256)]
                model.set(key, value)
                transaction.put("kv", keyOf(key), Buffer.alloc(1 + key * 40, value))
              }
            })
            if (numbers.below(2) === 0) yield* Effect.yieldNow
          } else if (what === 2 && moments.length < 8) {
            yield* store.flush
            const scope = yield* Scope.make()
            // What others read in the same turn shares LMDB's transaction.
            store.durable.range("kv", { limit: numbers.below(3) })
            const { reader } = yield* Scope.provide(store.snapshot, scope)
            moments.push({ scope, reader, held: new Map(model) })
          } else if (what === 3 && moments.length > 0) {
            const { reader, held } = moments[numbers.below(moments.length)]!
            const range = { from: keyOf(numbers.below(200)), limit: 20, bytesMax: 20_000 }
            for (const { key, value } of reader.range("kv", range)) {
              expect(value[0]).toBe(held.get(key[1]!))
            }
            const inOrder = [...held.keys()].sort((a, b) => a - b)
            expect(reader.range("kv", {}).map(({ key }) => key[1])).toEqual(inOrder)
          } else {
            const [ended] = moments.splice(numbers.below(moments.length), 1)
            if (ended !== undefined) yield* Scope.close(ended.scope, Exit.void)
          }
        }
        for (const { scope } of moments) yield* Scope.close(scope, Exit.void)
      }).pipe(Effect.provide(stores.open()))
    })

    it.live("a staged state is beside the one that counts, and gone with its scope", () => {
      const stores = makeStores()
      return Effect.gen(function* () {
        const store = yield* StateStore
        yield* put(1, 1)
        const generation = yield* Effect.scoped(
          Effect.gen(function* () {
            const staging = yield* store.stage
            yield* staging.write([rowOf(5, 5), rowOf(6, 6)])
            expect(rows(yield* staging.complete)).toEqual([
              [5, 5],
              [6, 6]
            ])
            expect(rows(store.reader)).toEqual([[1, 1]])
            return staging.generation
          })
        )
        expect(rows(store.reader)).toEqual([[1, 1]])
        const next = yield* Effect.scoped(store.stage)
        expect(next.generation).toBeGreaterThan(generation)
        const empty = Effect.gen(function* () {
          const { complete } = yield* store.stage
          return rows(yield* complete)
        })
        expect(yield* Effect.scoped(empty)).toEqual([])
      }).pipe(Effect.provide(stores.open()))
    })

    it.live("an installed state is the one that counts, now and after a reopening", () => {
      const stores = makeStores()
      return Effect.gen(function* () {
        yield* Effect.gen(function* () {
          const store = yield* StateStore
          const log = yield* RaftLogStore
          yield* put(1, 1)
          yield* Effect.scoped(
            Effect.gen(function* () {
              const staging = yield* store.stage
              yield* staging.write([rowOf(5, 5)])
              yield* staging.complete
              yield* store.install(staging, log.install(installation(7, staging.generation)))
              expect(rows(store.reader)).toEqual([[5, 5]])
            })
          )
          yield* put(6, 6)
          expect(rows(store.reader)).toEqual([
            [5, 5],
            [6, 6]
          ])
          yield* flush
          expect(rows(store.durable)).toHaveLength(2)
        }).pipe(Effect.provide(stores.open()))
        const found = yield* Effect.map(StateStore, ({ reader }) => rows(reader)).pipe(
          Effect.provide(stores.open())
        )
        expect(found).toEqual([
          [5, 5],
          [6, 6]
        ])
        const next = yield* Effect.scoped(Effect.flatMap(StateStore, ({ stage }) => stage)).pipe(
          Effect.provide(stores.open())
        )
        expect(next.generation).toBe(2)
      })
    })

    it.live("what a snapshot reads outlives an installation", () => {
      const stores = makeStores()
      return Effect.gen(function* () {
        const store = yield* StateStore
        const log = yield* RaftLogStore
        yield* put(1, 1)
        yield* flush
        const scope = yield* Scope.make()
        const { reader } = yield* Scope.provide(store.snapshot, scope)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const staging = yield* store.stage
            yield* staging.write([rowOf(5, 5)])
            yield* staging.complete
            yield* store.install(staging, log.install(installation(7, staging.generation)))
          })
        )
        expect(rows(reader)).toEqual([[1, 1]])
        yield* put(6, 6)
        yield* flush
        expect(rows(reader)).toEqual([[1, 1]])
        yield* Scope.close(scope, Exit.void)
        expect(rows(store.reader)).toHaveLength(2)
      }).pipe(Effect.provide(stores.open()))
    })

    it.live("only a complete state is installed, once, and nothing is added to it", () => {
      const stores = makeStores()
      return Effect.gen(function* () {
        const store = yield* StateStore
        const staging = yield* store.stage
        const isBug = <A, E>(effect: Effect.Effect<A, E>) =>
          Effect.map(Effect.exit(effect), (exit) => JSON.stringify(exit).includes("Invariant"))
        expect(yield* isBug(store.install(staging, Effect.void))).toBe(true)
        yield* staging.complete
        expect(yield* isBug(staging.write([rowOf(1, 1)]))).toBe(true)
        yield* store.install(staging, Effect.void)
        expect(yield* isBug(store.install(staging, Effect.void))).toBe(true)
      }).pipe(Effect.scoped, Effect.provide(stores.open()))
    })

    it.live("a state that the log may name is kept, whatever became of the log's commit", () => {
      const stores = makeStores()
      return Effect.gen(function* () {
        const decided = yield* Effect.gen(function* () {
          const store = yield* StateStore
          const log = yield* RaftLogStore
          yield* put(1, 1)
          const staging = yield* store.stage
          yield* staging.write([rowOf(5, 5)])
          yield* staging.complete
          const decide = Effect.andThen(
            log.install(installation(7, staging.generation)),
            Effect.fail("after it was durable")
          )
          return yield* Effect.flip(store.install(staging, decide))
        }).pipe(Effect.scoped, Effect.provide(stores.open()))
        expect(decided).toBe("after it was durable")
        const found = yield* Effect.map(StateStore, ({ reader }) => rows(reader)).pipe(
          Effect.provide(stores.open())
        )
        expect(found).toEqual([[5, 5]])
      })
    })

    it.live("rows of every table, large ones and many, are complete and in order", () => {
      const stores = makeStores()
      const value = Buffer.alloc(300_000, 7)
      return Effect.gen(function* () {
        const { stage } = yield* StateStore
        const staging = yield* stage
        yield* staging.write([{ table: "applied", key: bytes(0), value: bytes(1) }])
        for (let at = 0; at < 60; at++) {
          yield* staging.write([{ table: "kv", key: bytes(1, at), value }])
        }
        yield* staging.write([{ table: "sessions", key: bytes(3), value: bytes() }])
        const reader = yield* staging.complete
        const found = reader.range("kv", {})
        expect(found.map(({ key }) => key[1])).toEqual(Array.from({ length: 60 }, (_, at) => at))
        expect(found.every((row) => Buffer.compare(row.value, value) === 0)).toBe(true)
        expect(reader.get("sessions", bytes(3))).toEqual(bytes())
        expect(reader.get("applied", bytes(0))).toEqual(bytes(1))
      }).pipe(Effect.scoped, Effect.provide(stores.open()))
    })
  })
}
