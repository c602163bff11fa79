/**
 * Which keys a range is about, and where its next page begins (SPEC §7). Its shape stands in
 * `Command.ts`.
 *
 * A page ends with a key and the next one begins behind that key, so a continuation stays right
 * whatever is written or deleted in between. What must never happen: a key of the span on no page or
 * on two, a key of `until` or beyond. Proof: `KvMachine.test.ts`, against a map.
 */
import type { ByteReader } from "../bytes/ByteReader.ts"
import type { ByteWriter } from "../bytes/ByteWriter.ts"
import * as Limits from "../Limits.ts"

/** Ascending by unsigned bytes. Each bound has 0..1024 bytes. */
export type Span =
  /** Half-open; `undefined`, and no bytes, are the end of all keys. */
  | {
      readonly _tag: "Between"
      readonly from: Uint8Array
      readonly until: Uint8Array | undefined
    }
  | { readonly _tag: "Prefix"; readonly prefix: Uint8Array }

/** All keys. */
export const all: Span = { _tag: "Prefix", prefix: new Uint8Array(0) }

/** The half-open interval that is left of a span behind the last key of the page before. */
export function boundsOf(
  span: Span,
  continuation: Uint8Array | undefined
): { readonly from: Uint8Array; readonly until: Uint8Array | undefined } {
  const first = span._tag === "Prefix" ? span.prefix : span.from
  const until = span._tag === "Prefix" ? endOfPrefix(span.prefix) : orUndefined(span.until)
  if (continuation === undefined) return { from: first, until }
  const next = behind(continuation)
  return { from: Buffer.compare(next, first) > 0 ? next : first, until }
}

/** The first of all keys behind this one. */
export const behind = (key: Uint8Array): Uint8Array => Buffer.concat([key, Buffer.of(0)])

/** The first key behind all that begin so: the prefix with its last byte below 0xff raised by one. */
function endOfPrefix(prefix: Uint8Array): Uint8Array | undefined {
  let length = prefix.length
  while (length > 0 && prefix[length - 1] === 0xff) length -= 1
  if (length === 0) return undefined
  const end = Buffer.from(prefix.subarray(0, length))
  end[length - 1]! += 1
  return end
}

const tags = { Between: 0, Prefix: 1 } as const
const none = new Uint8Array(0)

/** Bytes that {@link write} writes. */
export const bytesOf = (span: Span): number =>
  span._tag === "Prefix" ? 3 + span.prefix.length : 5 + span.from.length + (span.until?.length ?? 0)

/** The bounds that have bytes, which are held to the limits of a key. */
export const boundsGiven = (span: Span): ReadonlyArray<Uint8Array> =>
  (span._tag === "Prefix" ? [span.prefix] : [span.from, span.until ?? none]).filter(
    ({ length }) => length > 0
  )

export function write(writer: ByteWriter, span: Span): void {
  writer.u8(tags[span._tag])
  if (span._tag === "Prefix") {
    writer.u16(span.prefix.length).bytes(span.prefix)
    return
  }
  const until = span.until ?? none
  writer.u16(span.from.length).bytes(span.from).u16(until.length).bytes(until)
}

export function read(reader: ByteReader): Span {
  if (reader.choice(tags.Between, tags.Prefix, "unknownTag") === tags.Prefix) {
    return { _tag: "Prefix", prefix: reader.block("u16", 0, Limits.keyBytesMax) }
  }
  const from = reader.block("u16", 0, Limits.keyBytesMax)
  const until = orUndefined(reader.block("u16", 0, Limits.keyBytesMax))
  return { _tag: "Between", from, until }
}

const orUndefined = (bytes: Uint8Array | undefined): Uint8Array | undefined =>
  bytes === undefined || bytes.length === 0 ? undefined : bytes
