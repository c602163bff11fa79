/** `sealog kv export` and `sealog kv import`: all data out of one cluster and into another. */
import { readFile, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Span from "../../src/domain/kv/Span.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as Process from "../support/ProcessSealog.ts"
import { seededNumbers } from "../support/SeededNumbers.ts"

const { assertRefused, json, sealog, sealogReading } = Process

/** Every key with its value, in order. */
const contents = Effect.fnUntraced(function* (client: RpcClientSocket.Client) {
  const found: Array<readonly [string, string]> = []
  let continuation: Uint8Array | undefined
  do {
    const page: Effect.Success<ReturnType<typeof client.range>> = yield* client.range({
      span: Span.all,
      limit: 10_000,
      continuation
    })
    for (const { key, value } of page.entries) {
      found.push([Buffer.from(key).toString("hex"), Buffer.from(value).toString("hex")])
    }
    continuation = page.continuation
  } while (continuation !== undefined)
  return found
})

/** Keys and values of all lengths and bytes, among them the largest. */
const fill = Effect.fnUntraced(function* (client: RpcClientSocket.Client, count: number) {
  const { below } = seededNumbers(5)
  const bytes = (length: number) => Uint8Array.from({ length }, () => below(256))
  const puts = Array.from({ length: count }, () => ({
    key: bytes(1 + below(24)),
    value: bytes(below(200))
  }))
  puts.push({ key: new Uint8Array(1024).fill(0xff), value: new Uint8Array(1 << 20).fill(0xfe) })
  puts.push({ key: Uint8Array.of(0), value: new Uint8Array(0) })
  yield* Effect.forEach(puts, ({ key, value }) => client.put(key, value), {
    concurrency: 64,
    discard: true
  })
})

describe("sealog kv export and import", () => {
  it.live("carry all data from an encrypted node to a plaintext one", () =>
    Effect.gen(function* () {
      const { directory, kekFile, nodeName } = yield* Process.fresh
      const sealed = yield* Process.serve({ directory, kekFile, nodeName })
      const from = ["--endpoint", sealed.address]
      const source = yield* RpcClientSocket.connect(sealed.endpoint)
      yield* fill(source, 1_500)
      json(yield* sealog("encryption", "enable-storage-envelope", ...from, "--json"))
      yield* fill(source, 700)
      json(yield* sealog("encryption", "enable-raft-envelope", ...from, "--json"))
      yield* source.put("last", "of phase 2")
      const expected = yield* contents(source)
      const count = expected.length
      assert.isAbove(count, 1_400)

      const out = join(directory, "../export.jsonl")
      const { revision } = yield* source.range({ span: Span.all, limit: 1 })
      const exported = json(yield* sealog("kv", "export", ...from, "--out", out, "--json"))
      const revisions = { firstRevision: revision, lastRevision: revision }
      assert.deepStrictEqual(exported, { out, count, ...revisions })
      assert.strictEqual((yield* Effect.promise(() => stat(out))).mode & 0o777, 0o600)
      assertRefused(yield* sealog("kv", "export", ...from, "--out", out), /exists already/)

      const plain = yield* Process.serve({
        directory: join(directory, "../plain"),
        nodeName: "b"
      })
      const to = ["--endpoint", plain.address, "--json"]
      const target = yield* RpcClientSocket.connect(plain.endpoint)
      const imported = json(yield* sealog("kv", "import", ...to, "--in", out))
      assert.deepInclude(imported, { count })
      assert.deepStrictEqual(yield* contents(target), expected)
      assert.strictEqual((yield* target.encryptionStatus).phase, 0)

      // Again, from a pipe: the same.
      const text = yield* Effect.promise(() => readFile(out, "utf8"))
      assert.deepInclude(json(yield* sealogReading(text, "kv", "import", ...to)), { count })
      assert.deepStrictEqual(yield* contents(target), expected)

      const again = yield* sealog("kv", "export", "--endpoint", plain.address)
      assert.strictEqual(again.code, 0)
      const withoutEnd = (lines: string) => lines.split("\n").slice(0, -2)
      assert.deepStrictEqual(withoutEnd(again.stdout), withoutEnd(text))
      assert.match(again.stderr, new RegExp(`exported ${count} keys, as they were at revision`))
    })
  )

  it.live("an export that is not whole is refused, from a file before anything is written", () =>
    Effect.gen(function* () {
      const directory = yield* Process.temporaryDirectory
      const node = yield* Process.serve({ directory: join(directory, "data"), nodeName: "a" })
      const at = ["--endpoint", node.address]
      const client = yield* RpcClientSocket.connect(node.endpoint)
      for (let at = 0; at < 300; at++) yield* client.put(`k${at}`, "old")
      const file = join(directory, "export.jsonl")
      json(yield* sealog("kv", "export", ...at, "--out", file, "--json"))
      const lines = (yield* Effect.promise(() => readFile(file, "utf8"))).split("\n").slice(0, -1)
      const { revision } = yield* client.put("k1", "new")

      const importing = Effect.fnUntraced(function* (damaged: ReadonlyArray<string>) {
        yield* Effect.promise(() => writeFile(file, damaged.map((line) => `${line}\n`).join("")))
        return yield* sealog("kv", "import", ...at, "--in", file)
      })
      const cutOff = lines.slice(0, -1)
      assertRefused(yield* importing(cutOff), /line 301 .* cut off, export again/)
      assertRefused(yield* importing(lines.toSpliced(7, 1)), /counts other than/)
      const otherVersion = lines.with(0, lines[0]!.replace('"version":1', '"version":2'))
      assertRefused(yield* importing(otherVersion), /names a version/)
      assertRefused(yield* importing(["hello"]), /not the first line of an export/)
      const nowhere = yield* sealog("kv", "import", ...at, "--in", join(directory, "nowhere"))
      assertRefused(nowhere, /could not be read from .* \(ENOENT: no such file or directory, open /)
      const page = yield* client.range({ span: Span.all, limit: 1 })
      assert.strictEqual(page.revision, revision)

      // A pipe is written as it is read: what came before the damage stays, and is said.
      const piped = yield* sealogReading(`${cutOff.join("\n")}\n`, "kv", "import", ...at)
      assertRefused(piped, /at least \d+ keys are written and stay .*cut off/)
    })
  )

  it.live("an export that cannot be written is said to have failed", () =>
    Effect.gen(function* () {
      const directory = yield* Process.temporaryDirectory
      const node = yield* Process.serve({ directory: join(directory, "data"), nodeName: "a" })
      const nowhere = join(directory, "no/such/directory")
      const failed = yield* sealog("kv", "export", "--endpoint", node.address, "--out", nowhere)
      assertRefused(failed, /could not be written to .* \(ENOENT: no such file or directory, open /)
    })
  )
})
