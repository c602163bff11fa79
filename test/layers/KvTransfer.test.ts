/** Export and import in front of clients that a test controls; with real processes in `test/e2e/`. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ConnectionLost } from "../../src/domain/api/Errors.ts"
import type { Revision } from "../../src/domain/Ids.ts"
import { ExportInvalid } from "../../src/domain/kv/Errors.ts"
import { ExportWriter } from "../../src/domain/kv/ExportFormat.ts"
import * as Limits from "../../src/domain/Limits.ts"
import * as KvExport from "../../src/layers/KvExport.ts"
import * as KvImport from "../../src/layers/KvImport.ts"
import type { TxnOptions } from "../../src/services/KvStore.ts"
import { temporaryDirectory } from "../support/ProcessSealog.ts"

const lost = new ConnectionLost({ endpoint: "127.0.0.1:1", cause: "it was cut" })
const revision = (value: number) => value as Revision
const entry = (name: string, value: Uint8Array = new Uint8Array(0)) => ({
  key: Buffer.from(name),
  value,
  revision: revision(1),
  createRevision: revision(1)
})

/** Answers these pages in turn, then loses the connection. */
const reading = (pages: ReadonlyArray<ReadonlyArray<string>>) => {
  let asked = 0
  const continuations: Array<string | undefined> = []
  const range: KvExport.Source["range"] = ({ continuation }) =>
    Effect.suspend(() => {
      continuations.push(continuation && Buffer.from(continuation).toString())
      const page = pages[asked++]
      if (page === undefined) return Effect.fail(lost)
      const entries = page.map((name) => entry(name))
      const last = page.at(-1)
      const answer = { entries, revision: revision(10 + asked) }
      return Effect.succeed(
        last === undefined ? answer : { ...answer, continuation: Buffer.from(last) }
      )
    })
  return { source: { range }, continuations }
}

describe("an export (SPEC §2)", () => {
  it.live("asks page by page and says from when to when", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "export")
      const { continuations, source } = reading([["a", "b"], ["c"], []])
      const summary = yield* KvExport.toFile(source, path)
      assert.deepStrictEqual(continuations, [undefined, "b", "c"])
      const revisions = { firstRevision: revision(11), lastRevision: revision(13) }
      assert.deepStrictEqual(summary, { count: 3, ...revisions })
      assert.match(readFileSync(path, "utf8"), /"firstRevision":11,"lastRevision":13\}\n$/)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("that fails in the middle leaves no file, and never touches one that was there", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const path = join(directory, "export")
      const failed = KvExport.toFile(reading([["a", "b"]]).source, path)
      assert.strictEqual(yield* Effect.flip(failed), lost)
      assert.isFalse(existsSync(path))
      writeFileSync(path, "precious")
      const refused = yield* Effect.flip(KvExport.toFile(reading([[]]).source, path))
      assert.instanceOf(refused, KvExport.ExportFileExists)
      assert.strictEqual(readFileSync(path, "utf8"), "precious")
    }).pipe(Effect.provide(NodeServices.layer))
  )
})

const exportOf = (entries: ReadonlyArray<ReturnType<typeof entry>>) => {
  const writer = new ExportWriter()
  const moments = { firstRevision: revision(1), lastRevision: revision(1) }
  return writer.header() + writer.entries(entries) + writer.end(moments)
}

/** Remembers what it is asked to write, and loses the connection after so many transactions. */
const writing = (transactionsMax: number) => {
  const done: Array<TxnOptions> = []
  let inFlight = 0
  let inFlightMax = 0
  const txn: KvImport.Target["txn"] = (options) =>
    Effect.suspend(() => {
      inFlight += 1
      inFlightMax = Math.max(inFlightMax, inFlight)
      if (done.length === transactionsMax) return Effect.fail(lost)
      done.push(options)
      return Effect.succeed({ succeeded: true, revision: revision(done.length), results: [] })
    }).pipe(
      Effect.tap(() => Effect.yieldNow),
      Effect.ensuring(
        Effect.sync(() => {
          inFlight -= 1
        })
      )
    )
  return { target: { txn }, done, inFlightMax: () => inFlightMax }
}

const numbered = (count: number, value?: Uint8Array) =>
  Array.from({ length: count }, (_, at) => entry(String(at).padStart(6, "0"), value))

describe("an import (SPEC §2)", () => {
  it.live("writes every key once, in transactions within the limits, a few at a time", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "export")
      const entries = [
        ...numbered(1_000),
        ...["a", "b", "c"].map((name) => entry(name, new Uint8Array(400_000))),
        ...["d", "e"].map((name) => entry(name, new Uint8Array(Limits.valueBytesMax)))
      ]
      writeFileSync(path, exportOf(entries))
      const { done, inFlightMax, target } = writing(1_000)
      const imported = yield* KvImport.fromFile(target, path)
      assert.deepStrictEqual(imported, { count: 1_005, revision: revision(done.length) })
      const keys = done.flatMap(({ onSuccess }) =>
        onSuccess.map(({ key }) => Buffer.from(key).toString())
      )
      assert.deepStrictEqual(
        keys.toSorted(),
        entries.map(({ key }) => key.toString())
      )
      assert.deepStrictEqual(
        done.map(({ onSuccess }) => onSuccess.length).toSorted((a, b) => b - a),
        [128, 128, 128, 128, 128, 128, 128, 106, 1, 1, 1]
      )
      assert.isAtMost(inFlightMax(), 4)
      assert.isAbove(inFlightMax(), 1)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("that loses its node says how much is written", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "export")
      writeFileSync(path, exportOf(numbered(1_000)))
      const { target } = writing(3)
      const stopped = yield* Effect.flip(KvImport.fromFile(target, path))
      assert.instanceOf(stopped, KvImport.ImportStopped)
      assert.strictEqual(stopped.cause, lost)
      assert.isAtMost(stopped.count, 3 * 128)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("of a file that is not whole writes nothing", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "export")
      writeFileSync(path, exportOf(numbered(1_000)).slice(0, -1))
      const { done, target } = writing(1_000)
      const refused = yield* Effect.flip(KvImport.fromFile(target, path))
      assert.instanceOf(refused, ExportInvalid)
      assert.lengthOf(done, 0)
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
