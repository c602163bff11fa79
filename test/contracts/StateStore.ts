/** The contract of `StateStore`, against every layer of it (SPEC §8). */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { KeyRange, StateReader } from "../../src/domain/state/StateTransaction.ts"
import { StateStore } from "../../src/services/StateStore.ts"
import { seededNumbers } from "../support/SeededNumbers.ts"
import type { MakeStores } from "./Stores.ts"

const bytes = (...values: ReadonlyArray<number>) => Buffer.from(values)

const rows = (reader: StateReader) =>
  reader
    .range("kv", {})
    .map(({ key, value }) => [Buffer.from(key).toString("hex"), Buffer.from(value).toString("hex")])

export function suite(name: string, makeStores: MakeStores): void {
  describe(`StateStore: ${name}`, () => {
    it.live("commits all tables at once, and keeps them over a reopening", () => {
      const stores = makeStores()
      return Effect.gen(function* () {
        yield* Effect.map(StateStore, ({ transact }) =>
          transact((transaction) => {
            transaction.put("kv", bytes(1), bytes(10))
            transaction.put("applied", bytes(0), bytes(20))
          })
        ).pipe(Effect.provide(stores.open()))
        yield* Effect.map(StateStore, ({ reader }) => {
          expect(reader.get("kv", bytes(1))).toEqual(bytes(10))
          expect(reader.get("applied", bytes(0))).toEqual(bytes(20))
          expect(reader.get("sidecar", bytes(0))).toBeUndefined()
        }).pipe(Effect.provide(stores.open()))
      })
    })

    it.live("rolls everything back if the body throws, and throws the same error", () => {
      const stores = makeStores()
      return Effect.map(StateStore, ({ reader, transact }) => {
        transact((transaction) => transaction.put("kv", bytes(1), bytes(1)))
        const thrown = new Error("of the body")
        const body = () =>
          transact((transaction) => {
            transaction.put("kv", bytes(1), bytes(2))
            transaction.put("kv", bytes(2), bytes(2))
            transaction.remove("kv", bytes(1))
            throw thrown
          })
        expect(body).toThrow(thrown)
        expect(rows(reader)).toEqual([["01", "01"]])
        transact((transaction) => transaction.put("kv", bytes(3), bytes(3)))
        expect(rows(reader)).toEqual([
          ["01", "01"],
          ["03", "03"]
        ])
      }).pipe(Effect.provide(stores.open()))
    })

    it.live("reads its own writes inside a transaction", () => {
      const stores = makeStores()
      return Effect.map(StateStore, ({ transact }) =>
        transact((transaction) => {
          transaction.put("kv", bytes(1), bytes(1))
          transaction.put("kv", bytes(2), bytes(2))
          transaction.remove("kv", bytes(1))
          transaction.remove("kv", bytes(9))
          expect(transaction.get("kv", bytes(1))).toBeUndefined()
          expect(transaction.get("kv", bytes(2))).toEqual(bytes(2))
          expect(rows(transaction)).toEqual([["02", "02"]])
        })
      ).pipe(Effect.provide(stores.open()))
    })

    it.live("orders keys as unsigned bytes, in half-open ranges with a limit", () => {
      const stores = makeStores()
      return Effect.map(StateStore, ({ reader, transact }) => {
        const keys = [bytes(0x00), bytes(0x7f), bytes(0x7f, 0x00), bytes(0x80), bytes(0xff)]
        transact((transaction) => {
          for (const key of keys.toReversed()) transaction.put("kv", key, bytes(0))
        })
        const keysOf = (range: Parameters<StateReader["range"]>[1]) =>
          reader.range("kv", range).map(({ key }) => Buffer.from(key).toString("hex"))
        expect(keysOf({})).toEqual(["00", "7f", "7f00", "80", "ff"])
        expect(keysOf({ from: bytes(0x7f), until: bytes(0x80) })).toEqual(["7f", "7f00"])
        expect(keysOf({ from: bytes(0x7f), limit: 3 })).toEqual(["7f", "7f00", "80"])
        expect(keysOf({ from: bytes(0x80), until: bytes(0x7f) })).toEqual([])
      }).pipe(Effect.provide(stores.open()))
    })

    it.live("limits, empty ranges and empty values", () => {
      const stores = makeStores()
      return Effect.map(StateStore, ({ reader, transact }) => {
        transact((transaction) => transaction.put("kv", bytes(1), bytes()))
        expect(reader.get("kv", bytes(1))).toEqual(bytes())
        expect(reader.range("kv", { limit: 0 })).toEqual([])
        expect(reader.range("kv", { until: bytes() })).toEqual([])
        expect(reader.range("kv", { from: bytes(), limit: 1 })).toHaveLength(1)
        expect(reader.range("kv", { from: bytes(1), until: bytes(1) })).toEqual([])
      }).pipe(Effect.provide(stores.open()))
    })

    it.live("keys of 1 to 1,100 bytes; others are a bug and write nothing", () => {
      const stores = makeStores()
      return Effect.map(StateStore, ({ reader, transact }) => {
        const longest = Buffer.alloc(1100, 7)
        transact((transaction) => transaction.put("kv", longest, bytes(1)))
        expect(reader.get("kv", longest)).toEqual(bytes(1))
        for (const key of [bytes(), Buffer.alloc(1101)]) {
          expect(() => reader.get("kv", key)).toThrow("1,100")
          const put = () =>
            transact((transaction) => {
              transaction.put("kv", bytes(1), bytes(1))
              transaction.put("kv", key, bytes(1))
            })
          expect(put).toThrow("1,100")
        }
        expect(rows(reader)).toHaveLength(1)
      }).pipe(Effect.provide(stores.open()))
    })

    it.live("a transaction is not used after its body, and does not nest", () => {
      const stores = makeStores()
      return Effect.map(StateStore, ({ reader, transact }) => {
        const kept = transact((transaction) => transaction)
        expect(() => kept.put("kv", bytes(1), bytes(1))).toThrow("its own body")
        expect(() => transact(() => transact(() => 1))).toThrow("nest")
        expect(transact(() => "result")).toBe("result")
        expect(rows(reader)).toEqual([])
      }).pipe(Effect.provide(stores.open()))
    })

    it.live("answers bytes that are the caller's, and large ones whole", () => {
      const stores = makeStores()
      return Effect.map(StateStore, ({ reader, transact }) => {
        const large = Buffer.alloc(300_000, 5)
        transact((transaction) => {
          transaction.put("kv", bytes(1), bytes(1, 2, 3))
          transaction.put("kv", bytes(2), large)
        })
        const first = reader.get("kv", bytes(1))!
        const found = reader.range("kv", {})
        reader.get("kv", bytes(2))
        expect(first).toEqual(bytes(1, 2, 3))
        expect(found[0]!.value).toEqual(bytes(1, 2, 3))
        expect(found[1]!.value).toEqual(large)
        first.fill(0)
        expect(reader.get("kv", bytes(1))).toEqual(bytes(1, 2, 3))
      }).pipe(Effect.provide(stores.open()))
    })

    it.live("is durable after a flush, and in the order of the commits before it", () => {
      const stores = makeStores()
      return Effect.gen(function* () {
        const { durable, flush, reader, room, transact } = yield* StateStore
        for (let step = 1; step <= 50; step++) {
          yield* room
          transact((transaction) => {
            transaction.put("kv", bytes(step % 7), bytes(step))
            transaction.put("applied", bytes(0), bytes(step))
          })
          expect(reader.get("applied", bytes(0))).toEqual(bytes(step))
          const found = durable.get("applied", bytes(0))?.[0] ?? 0
          expect(found).toBeLessThanOrEqual(step)
          // Both tables are of one commit: the newest key is the one that commit wrote.
          const newest = Math.max(0, ...durable.range("kv", {}).map(({ value }) => value[0]!))
          expect(newest).toBe(found)
          if (step % 10 === 0) {
            yield* flush
            expect(durable.get("applied", bytes(0))).toEqual(bytes(step))
          }
        }
      }).pipe(Effect.provide(stores.open()))
    })

    it.live("writes what is still waiting when it is closed", () => {
      const stores = makeStores()
      return Effect.gen(function* () {
        yield* Effect.map(StateStore, ({ transact }) => {
          for (let step = 1; step <= 20; step++) {
            transact((transaction) => transaction.put("kv", bytes(step), bytes(step)))
          }
        }).pipe(Effect.provide(stores.open()))
        const found = yield* Effect.map(StateStore, ({ reader }) => reader.range("kv", {})).pipe(
          Effect.provide(stores.open())
        )
        expect(found).toHaveLength(20)
      })
    })

    it.live("agrees with a map over random transactions, some of which throw", () => {
      const stores = makeStores()
      const numbers = seededNumbers(11)
      return Effect.gen(function* () {
        let model = new Map<number, number>()
        const { flush, reader, transact } = yield* StateStore
        for (let step = 0; step < 150; step++) {
          const next = new Map(model)
          const throws = numbers.below(4) === 0
          const run = () =>
            transact((transaction) => {
              for (let write = numbers.below(6); write >= 0; write--) {
                const key = numbers.below(20)
                const value = numbers.below(256)
                if (numbers.below(3) === 0) {
                  next.delete(key)
                  transaction.remove("kv", bytes(key))
                } else {
                  next.set(key, value)
                  transaction.put("kv", bytes(key), bytes(value))
                }
              }
              if (throws) throw new Error("as planned")
            })
          if (throws) expect(run).toThrow("as planned")
          else {
            run()
            model = next
          }
          const inOrder = [...model].sort(([a], [b]) => a - b)
          const read = (range: KeyRange) =>
            reader.range("kv", range).map(({ key, value }) => [key[0], value[0]])
          expect(read({})).toEqual(inOrder)
          const [from, until, limit] = [numbers.below(20), numbers.below(20), numbers.below(8)]
          expect(read({ from: bytes(from), until: bytes(until), limit })).toEqual(
            inOrder.filter(([key]) => key >= from && key < until).slice(0, limit)
          )
          const key = numbers.below(20)
          expect(reader.get("kv", bytes(key))?.[0]).toBe(model.get(key))
          // Sometimes the commits reach the disk meanwhile, sometimes they pile up.
          if (numbers.below(5) === 0) yield* flush
          else if (numbers.below(3) === 0) yield* Effect.yieldNow
        }
        yield* flush
      }).pipe(Effect.provide(stores.open()))
    })
  })
}
