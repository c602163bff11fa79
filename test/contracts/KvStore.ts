/**
 * What a caller of the KV store is promised, in process and over a socket alike (SPEC §7): one suite
 * for each way of calling it, against a node that is fresh for each test.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Revision } from "../../src/domain/Ids.ts"
import type { KvResult } from "../../src/domain/kv/Result.ts"
import type { Span } from "../../src/domain/kv/Span.ts"
import type { Operation } from "../../src/domain/kv/Txn.ts"
import * as Limits from "../../src/domain/Limits.ts"
import type { StoredValue } from "../../src/domain/machine/ValueStore.ts"
import type { RangeOptions, RangePage, TxnOptions } from "../../src/services/KvStore.ts"

interface Refused {
  readonly _tag: string
  readonly message: string
}

export interface Calls {
  readonly put: (
    key: Uint8Array,
    value: Uint8Array
  ) => Effect.Effect<{ readonly revision: Revision }, Refused>
  readonly get: (key: Uint8Array) => Effect.Effect<StoredValue | undefined, Refused>
  readonly range: (options: RangeOptions) => Effect.Effect<RangePage, Refused>
  readonly txn: (
    options: TxnOptions
  ) => Effect.Effect<Omit<Extract<KvResult, { _tag: "TxnDone" }>, "_tag">, Refused>
}

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (key: Uint8Array) => Buffer.from(key).toString()
const prefix = (start: string): Span => ({ _tag: "Prefix", prefix: bytes(start) })
const put = (key: string, value: Uint8Array): Operation => ({
  _tag: "Put",
  key: bytes(key),
  value
})
const doing = (...onSuccess: ReadonlyArray<Operation>): TxnOptions => ({
  compares: [],
  onSuccess,
  onFailure: []
})
const numbered = (count: number, value: Uint8Array) =>
  Array.from({ length: count }, (_, at) => put(`k${String(at).padStart(5, "0")}`, value))

/** As many transactions as it takes. */
const putAll = ({ txn }: Calls, puts: ReadonlyArray<Operation>) =>
  Effect.forEach(
    Array.from({ length: Math.ceil(puts.length / 128) }, (_, at) =>
      doing(...puts.slice(128 * at, 128 * (at + 1)))
    ),
    txn,
    { concurrency: 8, discard: true }
  )

/** Page by page to the end. */
const collect = Effect.fnUntraced(function* (calls: Calls, options: RangeOptions) {
  const pages: Array<RangePage> = []
  let continuation: Uint8Array | undefined
  do {
    const page: RangePage = yield* calls.range({ ...options, continuation })
    pages.push(page)
    continuation = page.continuation
  } while (continuation !== undefined)
  return pages
})

const keysOf = (pages: ReadonlyArray<RangePage>) =>
  pages.flatMap(({ entries }) => entries.map(({ key }) => text(key)))

/** Declares the suite. `calls` is of a fresh node that lives as long as the scope. */
export function describeKvStore<E>(
  name: string,
  calls: Effect.Effect<Calls, E, Scope.Scope>
): void {
  const test = (title: string, body: (calls: Calls) => Effect.Effect<void, unknown>) =>
    it.live(title, () => Effect.flatMap(calls, body))

  describe(name, () => {
    test("ranges by prefix and by bounds, in pages that carry their revision", (store) =>
      Effect.gen(function* () {
        for (const key of ["a", "b1", "b2", "b3", "c"]) yield* store.put(bytes(key), bytes(key))
        const page = yield* store.range({ span: prefix("b"), limit: 2 })
        assert.deepStrictEqual(keysOf([page]), ["b1", "b2"])
        assert.strictEqual(page.revision, 5)
        assert.deepStrictEqual(
          page.entries.map(({ createRevision, revision, value }) => [
            createRevision,
            revision,
            text(value)
          ]),
          [
            [2, 2, "b1"],
            [3, 3, "b2"]
          ]
        )
        const { continuation } = page
        const rest = yield* store.range({ span: prefix("b"), limit: 2, continuation })
        assert.deepStrictEqual(keysOf([rest]), ["b3"])
        assert.isFalse("continuation" in rest)
        const between = { _tag: "Between", from: bytes("b2"), until: bytes("c") } as const
        for (const stale of [false, true]) {
          const found = yield* store.range({ span: between, limit: 10, stale })
          assert.deepStrictEqual(keysOf([found]), ["b2", "b3"])
        }
        const open = { ...between, until: undefined }
        assert.deepStrictEqual(keysOf(yield* collect(store, { span: open, limit: 1 })), [
          "b2",
          "b3",
          "c"
        ])
      }))

    test("a transaction compares, then does one branch, under one revision", (store) =>
      Effect.gen(function* () {
        const swap: TxnOptions = {
          compares: [
            { _tag: "Exists", key: bytes("a"), exists: true },
            { _tag: "Revision", key: bytes("a"), operator: "less", revision: 2 as Revision },
            { _tag: "Value", key: bytes("a"), operator: "equal", value: bytes("1") }
          ],
          onSuccess: [put("a", bytes("2")), { _tag: "Delete", key: bytes("b") }],
          onFailure: [{ _tag: "Get", key: bytes("a") }, put("b", bytes("other"))]
        }
        yield* store.put(bytes("a"), bytes("1"))
        assert.deepStrictEqual(yield* store.txn(swap), {
          succeeded: true,
          revision: 2 as Revision,
          results: [
            { _tag: "Written", revision: 2 as Revision },
            { _tag: "Deleted", revision: 2 as Revision, deleted: false }
          ]
        })
        const again = yield* store.txn(swap)
        assert.strictEqual(again.succeeded, false)
        assert.strictEqual(again.revision, 3)
        const [read] = again.results
        assert(read?._tag === "Found")
        assert.strictEqual(text(read.found.value), "2")
        assert.strictEqual((yield* store.get(bytes("b")))?.createRevision, 3)
        const reading = doing({ _tag: "Get", key: bytes("nowhere") })
        assert.deepStrictEqual(yield* store.txn(reading), {
          succeeded: true,
          revision: 3 as Revision,
          results: [{ _tag: "NotFound" }]
        })
      }))

    test("answers up to 10,000 entries at once, and all of them in pages", (store) =>
      Effect.gen(function* () {
        yield* putAll(store, numbered(10_050, bytes("v")))
        const pages = yield* collect(store, { span: prefix("k"), limit: Limits.rangeEntriesMax })
        assert.deepStrictEqual(
          pages.map(({ entries }) => entries.length),
          [10_000, 50]
        )
        const keys = keysOf(pages)
        assert.strictEqual(keys[10_049], "k10049")
        assert.strictEqual(new Set(keys).size, 10_050)
      }))

    test("answers up to 4 MiB at once, however few entries that is", (store) =>
      Effect.gen(function* () {
        const largest = new Uint8Array(Limits.valueBytesMax)
        for (const key of ["a", "b", "c", "d"]) yield* store.put(bytes(key), largest)
        const full = largest.subarray(1)
        for (const key of ["e", "f", "g", "h"]) yield* store.put(bytes(key), full)
        const pages = yield* collect(store, { span: prefix(""), limit: 100 })
        assert.deepStrictEqual(
          pages.map((page) => keysOf([page]).join("")),
          ["abc", "def", "gh"]
        )
        const exact = yield* store.range({
          span: { _tag: "Between", from: bytes("e"), until: undefined },
          limit: 100
        })
        assert.deepStrictEqual(keysOf([exact]), ["e", "f", "g", "h"])
        const gets = (...keys: ReadonlyArray<string>) =>
          doing(...keys.map((key): Operation => ({ _tag: "Get", key: bytes(key) })))
        assert.lengthOf((yield* store.txn(gets("e", "f", "g", "h"))).results, 4)
        const tooMuch = yield* Effect.flip(store.txn(gets("a", "b", "c", "d")))
        assert.strictEqual(tooMuch._tag, "TxnReadTooLarge")
        const changing = doing(put("new", bytes("1")), ...gets("a", "b", "c", "d").onSuccess)
        assert.strictEqual((yield* Effect.flip(store.txn(changing)))._tag, "TxnReadTooLarge")
        assert.isUndefined(yield* store.get(bytes("new")))
      }))

    test("takes a request of the largest size, and refuses what is beyond, unsent", (store) =>
      Effect.gen(function* () {
        // 4 bytes for the counts and the tag, 7 and the key beside each value.
        const value = new Uint8Array((Limits.requestBytesMax - 4) / 4 - 8)
        const full = ["a", "b", "c", "d"].map((key) => put(key, value))
        assert.strictEqual((yield* store.txn(doing(...full))).revision, 1)
        const over = full.with(0, put("aa", value))
        const long = new Uint8Array(Limits.keyBytesMax + 1)
        const large = new Uint8Array(Limits.valueBytesMax + 1)
        const get: Operation = { _tag: "Get", key: bytes("k") }
        const range = { span: prefix(""), limit: 1 }
        const refused: ReadonlyArray<readonly [string, Effect.Effect<unknown, Refused>]> = [
          ["RequestTooLarge", store.txn(doing(...over))],
          // More than a message on a socket may have: it would spoil the connection for good.
          ["RequestTooLarge", store.txn(doing(...numbered(16, large.subarray(1))))],
          ["TooManyOperations", store.txn(doing(...numbered(129, bytes("v"))))],
          ["KeyRepeated", store.txn(doing(get, get))],
          ["KeyEmpty", store.txn(doing({ ...get, key: bytes("") }))],
          ["KeyTooLarge", store.txn(doing({ ...get, key: long }))],
          ["ValueTooLarge", store.txn(doing(put("k", large)))],
          ["KeyEmpty", store.put(bytes(""), bytes("v"))],
          ["ValueTooLarge", store.put(bytes("k"), large)],
          ["KeyTooLarge", store.get(long)],
          ["RangeLimitOutOfRange", store.range({ ...range, limit: 0 })],
          ["RangeLimitOutOfRange", store.range({ ...range, limit: 1.5 })],
          ["RangeLimitOutOfRange", store.range({ ...range, limit: Limits.rangeEntriesMax + 1 })],
          ["KeyTooLarge", store.range({ ...range, continuation: long })],
          ["KeyTooLarge", store.range({ ...range, span: { _tag: "Prefix", prefix: long } })]
        ]
        for (const [tag, call] of refused) {
          assert.strictEqual((yield* Effect.flip(call))._tag, tag)
        }
        const { entries, revision } = yield* store.range({ ...range, limit: 10 })
        assert.strictEqual(entries.length, 4)
        assert.strictEqual(revision, 1)
      }))
  })
}
