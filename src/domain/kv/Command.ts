/**
 * The requests of the KV state machine: the content of a client's request (SPEC §7).
 *
 * What a request may hold is bounded twice, by the same numbers: {@link refusalOf} tells a caller before
 * anything is proposed, and {@link decode} refuses at apply, where a refusal halts the node. So whoever
 * takes a request from outside asks the first. Proof: `Command.test.ts`.
 *
 * Shapes: `tag(1)`, then by tag
 * - 1 put `keyLength(2) ‖ key ‖ value` · 2 delete `key` · 3 get `key`
 * - 4 range: `0x00 ‖ fromLength(2) ‖ from ‖ untilLength(2) ‖ until`, an empty `until` being the end of
 *   all keys, or `0x01 ‖ prefixLength(2) ‖ prefix`; then `limit(4) ‖ continuation`, empty if there is none
 * - 5 txn: compares, then-operations, else-operations, each `count(1)` and as many; a compare is
 *   `keyLength(2) ‖ key`, then 1 `exists(1)`, 2 `operator(1) ‖ revision(8)` or 3 `operator(1) ‖ length(4)
 *   ‖ value`; an operation is `tag(1: 1 put, 2 delete, 3 get) ‖ keyLength(2) ‖ key`, and of a put
 *   `length(4) ‖ value`. Operators: 1 equal, 2 not equal, 3 less, 4 greater
 *
 * A tag this release does not know is refused as `unknownTag`.
 */
import { ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import * as Limits from "../Limits.ts"
import * as Errors from "./Errors.ts"
import * as Txn from "./Txn.ts"

/** Sets a key. */
export interface Put {
  readonly _tag: "Put"
  /** 1..1024 bytes, like every key. */
  readonly key: Uint8Array
  /** At most 1 MiB. */
  readonly value: Uint8Array
}

/** Removes a key; no error if it is not there. */
export interface Delete {
  readonly _tag: "Delete"
  readonly key: Uint8Array
}

/** Reads a key. */
export interface Get {
  readonly _tag: "Get"
  readonly key: Uint8Array
}

/** Which keys a range answers, ascending by unsigned bytes. Each bound has 0..1024 bytes. */
export type Span =
  /** Half-open; `undefined` = to the end of all keys. */
  | {
      readonly _tag: "Between"
      readonly from: Uint8Array
      readonly until: Uint8Array | undefined
    }
  | { readonly _tag: "Prefix"; readonly prefix: Uint8Array }

/** Reads keys in order. */
export interface Range {
  readonly _tag: "Range"
  readonly span: Span
  /** Entries, 1..10,000. */
  readonly limit: number
  /** The last key of the answer before, to go on after it. */
  readonly continuation: Uint8Array | undefined
}

/** One request; one revision if it changes anything. */
export type Command = Put | Delete | Get | Range | Txn.Txn

/** Why a request is refused before it is proposed. */
export type Refusal =
  | Errors.KeyEmpty
  | Errors.KeyTooLarge
  | Errors.ValueTooLarge
  | Errors.RequestTooLarge
  | Errors.TooManyOperations
  | Errors.KeyRepeated
  | Errors.RangeLimitOutOfRange

const tags = { Put: 1, Delete: 2, Get: 3, Range: 4, Txn: 5 } as const
const spanTags = { Between: 0, Prefix: 1 } as const
const none = new Uint8Array(0)

/** Within the limits: whoever takes a request from outside has asked {@link refusalOf}. */
export function encode(command: Command): Buffer {
  const writer = ByteWriter.allocate(bytesOf(command)).u8(tags[command._tag])
  switch (command._tag) {
    case "Put":
      return writer.u16(command.key.length).bytes(command.key).bytes(command.value).done()
    case "Delete":
    case "Get":
      return writer.bytes(command.key).done()
    case "Range":
      writeSpan(writer, command.span)
      return writer
        .u32(command.limit)
        .bytes(command.continuation ?? none)
        .done()
    case "Txn":
      Txn.write(writer, command)
      return writer.done()
  }
}

/** Keys and values are views of `content`. */
export function decode(content: Uint8Array): Decoded<Command> {
  const reader = new ByteReader("KV request", content)
  if (content.length > Limits.requestBytesMax) reader.refuse("outOfRange")
  switch (reader.u8()) {
    case tags.Put: {
      const key = reader.block("u16", 1, Limits.keyBytesMax)
      return reader.end({ _tag: "Put", key, value: readRest(reader, 0, Limits.valueBytesMax) })
    }
    case tags.Delete:
      return reader.end({ _tag: "Delete", key: readRest(reader, 1, Limits.keyBytesMax) })
    case tags.Get:
      return reader.end({ _tag: "Get", key: readRest(reader, 1, Limits.keyBytesMax) })
    case tags.Range: {
      const span = readSpan(reader)
      const limit = reader.within("u32", 1, Limits.rangeEntriesMax)
      const continuation = orUndefined(readRest(reader, 0, Limits.keyBytesMax))
      return reader.end({ _tag: "Range", span, limit, continuation })
    }
    case tags.Txn:
      return reader.end(Txn.read(reader))
    default:
      return reader.refused("unknownTag")
  }
}

/** Does it change nothing, whatever the store holds? Then it need not be proposed. */
export function isReadOnly(command: Command): boolean {
  switch (command._tag) {
    case "Put":
    case "Delete":
      return false
    case "Get":
    case "Range":
      return true
    case "Txn":
      return Txn.isReadOnly(command)
  }
}

/** What is beyond the limits, if anything. Bounds are those of {@link decode}. */
export function refusalOf(command: Command): Refusal | undefined {
  const refusal = partRefusalOf(command)
  if (refusal !== undefined) return refusal
  const bytes = bytesOf(command)
  const bytesMax = Limits.requestBytesMax
  return bytes > bytesMax ? new Errors.RequestTooLarge({ bytes, bytesMax }) : undefined
}

function partRefusalOf(command: Command): Refusal | undefined {
  switch (command._tag) {
    case "Put":
      return Txn.keyRefusalOf(command.key) ?? Txn.valueRefusalOf(command.value)
    case "Delete":
    case "Get":
      return Txn.keyRefusalOf(command.key)
    case "Range":
      return rangeRefusalOf(command)
    case "Txn":
      return Txn.refusalOf(command)
  }
}

function rangeRefusalOf({ continuation, limit, span }: Range): Refusal | undefined {
  const limitMax = Limits.rangeEntriesMax
  if (!Number.isInteger(limit) || limit < 1 || limit > limitMax) {
    return new Errors.RangeLimitOutOfRange({ limit, limitMax })
  }
  const bounds = span._tag === "Prefix" ? [span.prefix] : [span.from, span.until ?? none]
  for (const bound of [...bounds, continuation ?? none]) {
    const refusal = bound.length === 0 ? undefined : Txn.keyRefusalOf(bound)
    if (refusal !== undefined) return refusal
  }
  return undefined
}

/** Bytes of the encoded request. */
function bytesOf(command: Command): number {
  switch (command._tag) {
    case "Put":
      return 3 + command.key.length + command.value.length
    case "Delete":
    case "Get":
      return 1 + command.key.length
    case "Range":
      return 5 + spanBytesOf(command.span) + (command.continuation?.length ?? 0)
    case "Txn":
      return 1 + Txn.bytesOf(command)
  }
}

const spanBytesOf = (span: Span): number =>
  span._tag === "Prefix" ? 3 + span.prefix.length : 5 + span.from.length + (span.until?.length ?? 0)

function writeSpan(writer: ByteWriter, span: Span): void {
  writer.u8(spanTags[span._tag])
  if (span._tag === "Prefix") {
    writer.u16(span.prefix.length).bytes(span.prefix)
    return
  }
  const until = span.until ?? none
  writer.u16(span.from.length).bytes(span.from).u16(until.length).bytes(until)
}

function readSpan(reader: ByteReader): Span {
  if (reader.choice(spanTags.Between, spanTags.Prefix, "unknownTag") === spanTags.Prefix) {
    return { _tag: "Prefix", prefix: reader.block("u16", 0, Limits.keyBytesMax) }
  }
  const from = reader.block("u16", 0, Limits.keyBytesMax)
  const until = orUndefined(reader.block("u16", 0, Limits.keyBytesMax))
  return { _tag: "Between", from, until }
}

/** All that is left, `min..max` bytes of it. */
function readRest(reader: ByteReader, min: number, max: number): Buffer {
  if (reader.remaining < min) reader.refuse("truncated")
  if (reader.remaining > max) reader.refuse("outOfRange")
  return reader.rest()
}

const orUndefined = (bytes: Buffer): Buffer | undefined => (bytes.length === 0 ? undefined : bytes)
