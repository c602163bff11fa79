/** `sealog kv range` and `sealog kv txn` against a real node. */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as Process from "../support/ProcessSealog.ts"

const { assertRefused, json, sealog, sealogReading } = Process

const base64 = (text: string) => Buffer.from(text).toString("base64")

describe("sealog kv range", () => {
  it.live("prints pages of a prefix or of bounds, and how to go on", () =>
    Effect.gen(function* () {
      const directory = yield* Process.temporaryDirectory
      const node = yield* Process.serve({ directory, nodeName: "a" })
      const at = ["--endpoint", node.address]
      const client = yield* RpcClientSocket.connect(node.endpoint)
      for (const key of ["a", "b1", "b2", "b3"]) yield* client.put(key, `of ${key}`)
      yield* client.put("tab\there", Uint8Array.of(0xff))

      const page = yield* sealog("kv", "range", ...at, "--prefix", "b", "--limit", "2", "--json")
      const entry = (key: string, revision: number) => ({
        key,
        keyBase64: base64(key),
        value: `of ${key}`,
        valueBase64: base64(`of ${key}`),
        revision,
        createRevision: revision
      })
      assert.deepStrictEqual(json(page), {
        entries: [entry("b1", 2), entry("b2", 3)],
        revision: 5,
        isComplete: false,
        continuation: base64("b2")
      })
      const goOn = ["--continuation", base64("b2")]
      const [rest, between, all, empty] = yield* Effect.all(
        [
          sealog("kv", "range", ...at, "--prefix", "b", "--stale", "--json", ...goOn),
          sealog("kv", "range", ...at, "--from", "b2", "--until", "tab"),
          sealog("kv", "range", ...at, "--limit", "5"),
          sealog("kv", "range", ...at, "--from", "zz", "--json")
        ],
        { concurrency: 2 }
      )
      assert.deepStrictEqual(json(rest), {
        entries: [entry("b3", 4)],
        revision: 5,
        isComplete: true
      })
      assert.strictEqual(between.stdout, "b2\tof b2\nb3\tof b3\n")
      assert.match(all.stdout, /\n"tab\\there"\t\(1 bytes, not UTF-8, in base64\) \/w==\n$/)
      assert.strictEqual(all.stderr, "")
      assert.deepStrictEqual(json(empty), { entries: [], revision: 5, isComplete: true })
      const more = yield* sealog("kv", "range", ...at, "--limit", "1")
      assert.strictEqual(more.stdout, "a\tof a\n")
      assert.include(more.stderr, `--continuation ${base64("a")}`)

      // A page that ends with the longest key: the next begins at one byte more than a key may have.
      const longest = [0xfe, 0xff].map((last) => Buffer.alloc(1024, 0xff).fill(last, 1023))
      for (const key of longest) yield* client.put(key, "")
      const span = { _tag: "Prefix", prefix: Uint8Array.of(0xff) } as const
      const first = yield* client.range({ span, limit: 1 })
      const second = yield* client.range({ span, limit: 1, continuation: longest[0]! })
      const third = yield* client.range({ span, limit: 1, continuation: longest[1]! })
      const keys = [first, second, third].map(({ entries }) => entries.map(({ key }) => key[1023]))
      assert.deepStrictEqual(keys, [[0xfe], [0xff], []])
    })
  )
})

describe("sealog kv txn", () => {
  it.live("reads a description from stdin or a file, and exits with 1 if it does not hold", () =>
    Effect.gen(function* () {
      const directory = yield* Process.temporaryDirectory
      const node = yield* Process.serve({ directory: join(directory, "data"), nodeName: "a" })
      const txn = ["kv", "txn", "--endpoint", node.address]
      const create = `{
        "compare": [{"key": "lock", "exists": false}],
        "then": [{"put": {"key": "lock", "value": "mine"}}, {"delete": {"key": "none"}}],
        "else": [{"get": {"key": "lock"}}, {"get": {"key": "none"}}]
      }`
      const first = yield* sealogReading(create, ...txn, "--json")
      assert.deepStrictEqual(json(first), {
        succeeded: true,
        revision: 1,
        results: [{ put: {} }, { delete: { deleted: false } }]
      })
      const file = join(directory, "txn.json")
      yield* Effect.promise(() => writeFile(file, create))
      const [second, text] = yield* Effect.all(
        [sealog(...txn, "--file", file, "--json"), sealogReading(create, ...txn)],
        { concurrency: 2 }
      )
      const found = { value: "mine", valueBase64: base64("mine"), revision: 1, createRevision: 1 }
      assert.deepStrictEqual(json(second, 1), {
        succeeded: false,
        revision: 1,
        results: [{ get: { found: true, ...found } }, { get: { found: false } }]
      })
      assert.strictEqual(text.stdout, "the compares did not hold, revision 1\nmine\nnot found\n")
      assert.strictEqual(text.stderr, "")
      assert.strictEqual(text.code, 1)
    })
  )

  const nowhere = ["--endpoint", "127.0.0.1:1"]
  const many = JSON.stringify({
    else: Array.from({ length: 129 }, (_, at) => ({ get: { key: `k${at}` } }))
  })
  const value = JSON.stringify("x".repeat(1_000_000))
  const puts = ["a", "b", "c", "d", "e"].map((key) => `{"put":{"key":"${key}","value":${value}}}`)
  const refused: ReadonlyArray<readonly [string, RegExp]> = [
    ["{", /not JSON/],
    ['{"then":[{"put":{"key":"k"}}]}', /wrong at then\[0\]\.put:/],
    ["[]", /Expected object/],
    [`"${"x".repeat(9_000_000)}"`, /more than 8388608 bytes/]
  ]

  it.live("refuses what is no description, with its path, before it looks for a node", () =>
    Effect.forEach(
      refused,
      ([description, sentence]) =>
        Effect.map(sealogReading(description, "kv", "txn", ...nowhere), (ended) =>
          assertRefused(ended, sentence)
        ),
      { concurrency: 2 }
    )
  )

  it.live("refuses what is beyond the limits, and bad lines", () =>
    Effect.gen(function* () {
      const directory = yield* Process.temporaryDirectory
      const node = yield* Process.serve({ directory: join(directory, "data"), nodeName: "a" })
      const at = ["--endpoint", node.address]
      const descriptions: ReadonlyArray<readonly [string, RegExp]> = [
        [many, /129 compares or operations/],
        [`{"then":[${puts.join(",")}]}`, /the request has \d+ bytes/],
        ['{"then":[{"get":{"key":"k"}},{"delete":{"key":"k"}}]}', /names a key twice/],
        ['{"then":[{"get":{"key":""}}]}', /at least one byte/]
      ]
      yield* Effect.forEach(
        descriptions,
        ([description, sentence]) =>
          Effect.map(sealogReading(description, "kv", "txn", ...at), (ended) =>
            assertRefused(ended, sentence)
          ),
        { concurrency: 2 }
      )
      const lines: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
        [["range", "--limit", "0"], /answers 1\.\.10000 entries, not 0; name a limit within that/],
        [["range", "--prefix", "a", "--until", "b"], /--prefix was given together/],
        [["range", "--continuation", "%"], /--continuation/],
        [["range", "--prefix", "k".repeat(1025)], /1025 bytes/],
        [
          ["txn", "--file", join(directory, "nowhere")],
          /could not be read from .*nowhere \(ENOENT: /
        ]
      ]
      yield* Effect.forEach(
        lines,
        ([line, sentence]) =>
          Effect.map(sealog("kv", ...line, ...at), (ended) => assertRefused(ended, sentence)),
        { concurrency: 2 }
      )
    })
  )
})
