/** `sealog kv …` against a real node, and what every command does with a bad line or no node. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as Process from "../support/ProcessSealog.ts"

const { assertRefused, json, sealog } = Process

describe("sealog kv", () => {
  it.live("puts, gets and deletes; a missing key is said and exits with 1", () =>
    Effect.gen(function* () {
      const directory = yield* Process.temporaryDirectory
      const node = yield* Process.serve({ directory, nodeName: "a" })
      const at = ["--endpoint", node.address]
      assert.deepStrictEqual(json(yield* sealog("kv", "put", "city", "Zürich", ...at, "--json")), {
        revision: 1
      })
      const found = {
        found: true,
        value: "Zürich",
        valueBase64: Buffer.from("Zürich").toString("base64"),
        revision: 1,
        createRevision: 1
      }
      const [linearizable, stale, text] = yield* Effect.all(
        [
          sealog("kv", "get", "city", ...at, "--json"),
          sealog("kv", "get", "city", ...at, "--json", "--stale"),
          sealog("kv", "get", "city", ...at)
        ],
        { concurrency: 3 }
      )
      assert.deepStrictEqual(json(linearizable), found)
      assert.deepStrictEqual(json(stale), found)
      assert.strictEqual(text.stdout, "Zürich\n")

      const client = yield* RpcClientSocket.connect(node.endpoint)
      yield* client.put("binary", Uint8Array.of(0xff, 0x00))
      const [binary, missing, missingText] = yield* Effect.all(
        [
          sealog("kv", "get", "binary", ...at, "--json"),
          sealog("kv", "get", "nowhere", ...at, "--json"),
          sealog("kv", "get", "nowhere", ...at)
        ],
        { concurrency: 3 }
      )
      assert.deepStrictEqual(json(binary), {
        found: true,
        valueBase64: "/wA=",
        revision: 2,
        createRevision: 2
      })
      assert.deepStrictEqual(json(missing, 1), { found: false })
      assertRefused(missingText, /not found$/m)

      const deleted = json(yield* sealog("kv", "delete", "city", ...at, "--json"))
      assert.deepStrictEqual(deleted, { deleted: true, revision: 3 })
      const [again, tooLarge] = yield* Effect.all(
        [
          sealog("kv", "delete", "city", ...at, "--json"),
          sealog("kv", "put", "k".repeat(1025), "v", ...at)
        ],
        { concurrency: 2 }
      )
      assert.deepStrictEqual(json(again), { deleted: false, revision: 3 })
      assertRefused(tooLarge, /1025 bytes.* \(KeyTooLarge\)$/m)
    })
  )

  const badLines: ReadonlyArray<readonly [line: ReadonlyArray<string>, sentence: RegExp]> = [
    [["kv", "get", "k"], /--endpoint/],
    [["kv", "get", "--endpoint", "127.0.0.1:7000"], /KEY/],
    [["kv", "get", "k", "--endpoint", "7000"], /HOST:PORT/],
    [["kv", "put", "k", "v", "--endpoint", "127.0.0.1:7000", "--nope"], /--nope/],
    [
      ["kv", "gte", "k", "--endpoint", "127.0.0.1:7000"],
      /^sealog: Unknown subcommand "gte"[^-]*kv --/
    ],
    [[], /^sealog: name a subcommand: serve, kv, .* \(usage: sealog --help\)$/m],
    [["kv"], /^sealog: name a subcommand: put, get, .* \(usage: sealog kv --help\)$/m],
    [["log", "dump", "--data-dir", "x", "--from", "-1"], /--from/],
    [
      ["kv", "get", "k", "--endpoint", "127.0.0.1:1"],
      /at 127\.0\.0\.1:1 .*\(EndpointUnreachable\)$/m
    ],
    [["encryption", "disable"], /cannot be turned off.*kv export/],
    [["encryption", "disable", "--endpoint", "127.0.0.1:1"], /cannot be turned off.*kv export/]
  ]

  it.live("answers a line that cannot be carried out with one sentence on stderr", () =>
    Effect.forEach(
      badLines,
      ([line, sentence]) => Effect.map(sealog(...line), (ended) => assertRefused(ended, sentence)),
      { concurrency: 3 }
    )
  )
})
