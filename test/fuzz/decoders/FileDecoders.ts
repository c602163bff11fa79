/** Whole files and streams: a snapshot, its header, and the head of an LMDB file (SPEC §8, §16). */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { crc32 } from "node:zlib"
import * as Result from "effect/Result"
import type { LogIndex, Term } from "../../../src/domain/Ids.ts"
import * as SnapshotHeader from "../../../src/domain/snapshot/SnapshotHeader.ts"
import {
  SnapshotDecoder,
  SnapshotEncoder,
  type TableRow
} from "../../../src/domain/snapshot/SnapshotStream.ts"
import * as LmdbHeader from "../../../src/layers/LmdbHeader.ts"
import { type Decoder, piecesOf, refused, type Verdict } from "../Decoder.ts"
import { codec } from "./Codec.ts"

const header = (cutover: number) => ({ ceiling: 9 as LogIndex, cutover: cutover as LogIndex })

/** Only a header in front of something; what a later release adds to it is skipped. */
const headerDecoder: Decoder = codec({
  name: "snapshot-header",
  modules: ["domain/snapshot/SnapshotHeader.ts"],
  seeds: [0, 4].map((cutover) => SnapshotHeader.encode(header(cutover))),
  refusals: ["SnapshotCorrupted", "SnapshotVersionUnknown"],
  decode: SnapshotHeader.decode
})

const rows: ReadonlyArray<TableRow> = [
  { table: "applied", key: Buffer.of(1), value: Buffer.from("applied") },
  { table: "sidecar", key: Buffer.of(1), value: Buffer.from("sidecar") },
  { table: "kv", key: Buffer.from("a"), value: Buffer.from("1") },
  { table: "kv", key: Buffer.from("b"), value: Buffer.alloc(40, 2) }
]

const chunkOverhead = 12

/** `headerLength(1) ‖ header ‖ payload`: what {@link sealedStream} makes a stream of. */
function streamSeed(cutover: number): Buffer {
  const encoder = new SnapshotEncoder({ ...header(cutover), term: 3 as Term })
  for (const row of rows) encoder.add(row)
  const chunk = encoder.end()
  const payload = chunk.subarray(8, chunk.length - 4)
  return Buffer.concat([Buffer.of(encoder.header.length), encoder.header, payload])
}

/** The payload in up to three chunks with the right numbers and checksums; no row is cut. */
function sealedStream(input: Uint8Array): Uint8Array {
  const bytes = Buffer.from(input)
  const headerBytes = bytes.subarray(1, 1 + (bytes[0] ?? 0))
  const payload = bytes.subarray(1 + headerBytes.length)
  const chunkCount = 1 + (payload.length % 3)
  const parts: Array<Buffer> = [headerBytes]
  let from = 0
  for (let number = 0; number < chunkCount; number++) {
    const share = Math.ceil(((number + 1) * payload.length) / chunkCount)
    const until = number + 1 === chunkCount ? payload.length : rowEnd(payload, share)
    parts.push(chunkOf(headerBytes, number, payload.subarray(from, until)))
    from = until
  }
  return Buffer.concat(parts)
}

/** Where the row ends that `at` lies in. */
function rowEnd(payload: Buffer, at: number): number {
  let end = 8
  while (end < at) {
    if (end + 3 > payload.length) return payload.length
    const valueAt = end + 3 + payload.readUInt16BE(end + 1)
    if (valueAt + 4 > payload.length) return payload.length
    end = valueAt + 4 + payload.readUInt32BE(valueAt)
  }
  return Math.min(end, payload.length)
}

function chunkOf(headerBytes: Buffer, number: number, payload: Buffer): Buffer {
  const chunk = Buffer.alloc(chunkOverhead + payload.length)
  chunk.writeUInt32BE(payload.length, 0)
  chunk.writeUInt32BE(number, 4)
  payload.copy(chunk, 8)
  const place = chunk.subarray(4, 8)
  const begun = crc32(place, crc32(headerBytes, crc32("sealog/snapshot")))
  chunk.writeUInt32BE(crc32(payload, begun), 8 + payload.length)
  return chunk
}

/** About as many rows of the smallest size as one chunk has room for. */
function smallestRows(): Buffer {
  // So that the length is a multiple of three, and all of it one chunk.
  const count = 838_000
  const payload = Buffer.alloc(8 + 10 * count)
  payload.writeUInt8(3, 7)
  for (let at = 0; at < count; at++) {
    const from = 8 + 10 * at
    payload.writeUInt8(6, from)
    payload.writeUInt16BE(3, from + 1)
    payload.writeUIntBE(at, from + 3, 3)
  }
  const begin = SnapshotHeader.encode(header(0))
  return Buffer.concat([Buffer.of(begin.length), begin, payload])
}

function readStream(pieces: ReadonlyArray<Uint8Array>): Verdict {
  const decoder = new SnapshotDecoder()
  const found: Array<TableRow> = []
  for (const piece of pieces) {
    const read = decoder.push(piece)
    if (Result.isFailure(read)) return refused(read.failure)
    for (const row of read.success) found.push(row)
  }
  const { of } = decoder
  const kind = `${of !== undefined} ${decoder.isComplete} ${Math.min(5, found.length)}`
  if (!decoder.isComplete || of === undefined)
    return { _tag: "Accepted", kind, spelling: undefined }
  return {
    _tag: "Accepted",
    kind,
    spelling: Buffer.concat(found.flatMap(({ key, value }) => [key, value]))
  }
}

const streamDecoder: Decoder = {
  name: "snapshot-stream",
  modules: ["domain/snapshot/SnapshotStream.ts"],
  seeds: [0, 4].map(streamSeed),
  extremes: () => [smallestRows()],
  seal: sealedStream,
  refusals: ["SnapshotCorrupted", "SnapshotVersionUnknown"],
  run: (bytes, random) => {
    const whole = readStream([bytes])
    const inPieces = readStream(piecesOf(bytes, random))
    const isSame =
      whole._tag === "Accepted" && inPieces._tag === "Accepted"
        ? whole.kind === inPieces.kind &&
          Buffer.compare(whole.spelling ?? bytes, inPieces.spelling ?? bytes) === 0
        : JSON.stringify(whole) === JSON.stringify(inPieces)
    if (!isSame) return { _tag: "Contradiction", says: "another verdict in pieces than at once" }
    // The cut into chunks is the writer's.
    return whole._tag === "Accepted" ? { ...whole, spelling: undefined } : whole
  }
}

/** Its file is in a directory of its own, made when it is first needed. */
let path: string | undefined
function headPath(): string {
  if (path === undefined) {
    const folder = mkdtempSync(join(tmpdir(), "sealog-fuzz-"))
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }))
    path = join(folder, "data.mdb")
  }
  return path
}

function lmdbHead(): Buffer {
  const file = Buffer.alloc(2 * 512)
  for (const at of [0, 512]) {
    file.writeUInt16LE(0x08, at + 18)
    file.writeUInt32LE(0xbeefc0de, at + 24)
    file.writeUInt16LE(2, at + 28)
    file.writeUInt32LE(512, at + 48)
  }
  return file
}

const lmdbDecoder: Decoder = {
  name: "lmdb-header",
  modules: ["layers/LmdbHeader.ts"],
  seeds: [lmdbHead()],
  refusals: ["damaged"],
  run: (bytes) => {
    writeFileSync(headPath(), bytes)
    try {
      LmdbHeader.check(headPath())
      return { _tag: "Accepted", kind: "", spelling: undefined }
    } catch (cause) {
      // It throws by contract, one sentence.
      const said = /is damaged \((.*)\); restore/.exec(String(cause))?.[1]
      if (said === undefined) throw cause
      return { _tag: "Refused", refusal: "damaged", reached: said.slice(0, 20) }
    }
  }
}

export const decoders: ReadonlyArray<Decoder> = [headerDecoder, streamDecoder, lmdbDecoder]
