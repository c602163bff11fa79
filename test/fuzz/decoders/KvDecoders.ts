/** The key-value store's requests, results and values, and what operators type or import (SPEC §7). */
import { crc32 } from "node:zlib"
import * as Result from "effect/Result"
import * as Endpoint from "../../../src/domain/api/Endpoint.ts"
import type { Revision } from "../../../src/domain/Ids.ts"
import * as Command from "../../../src/domain/kv/Command.ts"
import * as ExportFormat from "../../../src/domain/kv/ExportFormat.ts"
import * as KvResult from "../../../src/domain/kv/Result.ts"
import * as TxnDescription from "../../../src/domain/kv/TxnDescription.ts"
import * as Value from "../../../src/domain/kv/Value.ts"
import * as BootstrapList from "../../../src/domain/peer/BootstrapList.ts"
import { type Decoder, piecesOf, refused, unsaid, type Verdict } from "../Decoder.ts"
import { codec } from "./Codec.ts"

const revision = (value: number) => value as Revision
const malformed = ["Malformed"]
const text = (content: string) => Buffer.from(content)
const key = text("k")
const value = text("v")

const commands: ReadonlyArray<Command.Command> = [
  { _tag: "Put", key, value },
  { _tag: "Delete", key },
  { _tag: "Get", key },
  {
    _tag: "Range",
    span: { _tag: "Between", from: key, until: text("l") },
    limit: 10,
    continuation: text("kk")
  },
  { _tag: "Range", span: { _tag: "Prefix", prefix: key }, limit: 1, continuation: undefined },
  {
    _tag: "Txn",
    compares: [
      { _tag: "Exists", key, exists: true },
      { _tag: "Revision", key, operator: "less", revision: revision(4) },
      { _tag: "Value", key, operator: "notEqual", value }
    ],
    onSuccess: [
      { _tag: "Put", key, value },
      { _tag: "Delete", key: text("l") }
    ],
    onFailure: [{ _tag: "Get", key }]
  }
]

const found = { revision: revision(9), createRevision: revision(5), value }
const results: ReadonlyArray<KvResult.KvResult> = [
  { _tag: "Written", revision: revision(2) },
  { _tag: "Found", found },
  { _tag: "NotFound" },
  { _tag: "TxnReadTooLarge" },
  { _tag: "Entries", revision: revision(9), isComplete: false, entries: [{ key, ...found }] },
  {
    _tag: "TxnDone",
    succeeded: true,
    revision: revision(9),
    results: [
      { _tag: "Deleted", revision: revision(9), deleted: false },
      { _tag: "Found", found }
    ]
  }
]

const descriptions = [
  '{"compare":[{"key":"a","exists":true},{"keyBase64":"YQ==","revision":{"less":4}}],"then":[{"put":{"key":"a","value":"b"}}],"else":[{"get":{"key":"a"}}]}',
  '{"compare":[{"key":"a","value":{"equal":"b"}},{"key":"a","valueBase64":{"greater":"Yg=="}}],"then":[{"delete":{"key":"a"}}]}',
  "{}"
]

/** Before the end is put behind them. */
const exported = (() => {
  const writer = new ExportFormat.ExportWriter()
  const entries = ["a", "b", "c"].map((name) => ({ ...found, key: text(name) }))
  return `${writer.header()}${writer.entries(entries)}`
})()

/** Ends it as an export does that holds what its lines say. */
function ended(body: Uint8Array): Uint8Array {
  const bytes = Buffer.from(body)
  const from = bytes.indexOf(0x0a) + 1
  const count = bytes.subarray(from).filter((byte) => byte === 0x0a).length
  const checksum = crc32(bytes.subarray(from)).toString(16).padStart(8, "0")
  const end = { end: true, count, checksum, firstRevision: 1, lastRevision: 2 }
  return Buffer.concat([bytes, text(`${JSON.stringify(end)}\n`)])
}

function readExport(pieces: ReadonlyArray<Uint8Array>): Verdict {
  const reader = new ExportFormat.ExportReader()
  let entries = 0
  for (const piece of pieces) {
    const read = reader.push(piece)
    if (Result.isFailure(read)) return refused(read.failure)
    entries += read.success.length
  }
  const summary = reader.end()
  if (Result.isFailure(summary)) return refused(summary.failure)
  if (summary.success.count !== entries) {
    return { _tag: "Contradiction", says: "it counts other entries than it gave" }
  }
  // JSON has many spellings; the checksum is over the one that was written.
  return { _tag: "Accepted", kind: `${Math.min(4, entries)}`, spelling: undefined }
}

const exportDecoder: Decoder = {
  name: "export",
  modules: ["domain/kv/ExportFormat.ts"],
  seeds: [text(exported)],
  extremes: () => [Buffer.alloc(3 * 1024 * 1024, 0x20), text('{"a":'.repeat(200_000))],
  seal: ended,
  refusals: ["ExportInvalid"],
  run: (bytes, random) => {
    const whole = readExport([bytes])
    const inPieces = readExport(piecesOf(bytes, random))
    return JSON.stringify(whole) === JSON.stringify(inPieces)
      ? whole
      : { _tag: "Contradiction", says: "another verdict in pieces than at once" }
  }
}

export const decoders: ReadonlyArray<Decoder> = [
  codec({
    name: "kv-command",
    modules: ["domain/kv/Command.ts", "domain/kv/Txn.ts", "domain/kv/Span.ts"],
    seeds: commands.map(Command.encode),
    refusals: malformed,
    decode: Command.decode,
    encode: Command.encode
  }),
  codec({
    name: "kv-result",
    modules: ["domain/kv/Result.ts"],
    seeds: results.map(KvResult.encode),
    refusals: malformed,
    decode: KvResult.decode,
    encode: KvResult.encode
  }),
  codec({
    name: "stored-value",
    modules: ["domain/kv/Value.ts"],
    seeds: [true, false].map((isSealed) =>
      Value.encode({ isSealed, revision: revision(9), createRevision: revision(5), bytes: value })
    ),
    refusals: malformed,
    decode: Value.decode,
    encode: Value.encode
  }),
  exportDecoder,
  codec({
    name: "txn-description",
    modules: ["domain/kv/TxnDescription.ts"],
    seeds: descriptions.map(text),
    extremes: () => [
      text("[".repeat(100_000)),
      text(`{"then":${"[".repeat(20_000)}${"]".repeat(20_000)}}`),
      text(`{"then":[${'{"get":{"key":"a"}},'.repeat(20_000)}{"get":{"key":"a"}}]}`),
      text('{"__proto__":{"then":[]},"constructor":1}')
    ],
    refusals: ["TxnDescriptionInvalid"],
    decode: (bytes) => TxnDescription.parse(Buffer.from(bytes).toString())
  }),
  {
    name: "endpoint",
    modules: ["domain/api/Endpoint.ts"],
    seeds: ["127.0.0.1:4000", "[::1]:0", "localhost:65535"].map(text),
    refusals: ["undefined"],
    run: (bytes) => {
      const given = Buffer.from(bytes).toString("latin1")
      const endpoint = Endpoint.parse(given)
      if (endpoint === undefined) return unsaid
      const again = Endpoint.parse(Endpoint.format(endpoint))
      const isSame = again?.host === endpoint.host && again?.port === endpoint.port
      if (!isSame) return { _tag: "Contradiction", says: "what it writes is read as another" }
      const kind = `${endpoint.host.includes(":")} ${Endpoint.isLoopback(endpoint)}`
      return { _tag: "Accepted", kind, spelling: undefined }
    }
  },
  {
    name: "bootstrap-list",
    modules: ["domain/peer/BootstrapList.ts"],
    seeds: ["n1=127.0.0.1:1,n2=[::1]:2", "n1=localhost:1"].map(text),
    extremes: () => [text("n=h:1,".repeat(50_000)), text(`n=${"h".repeat(200_000)}:1`)],
    refusals: ["undefined"],
    run: (bytes) => {
      const list = BootstrapList.parse(Buffer.from(bytes).toString("latin1"))
      if (list === undefined) return unsaid
      const refusal = BootstrapList.refusalOf(list, list[0]!.nodeName)
      const kind = `${list.length} ${refusal?.reason} ${BootstrapList.digestOf(list).length}`
      return { _tag: "Accepted", kind, spelling: undefined }
    }
  }
]
