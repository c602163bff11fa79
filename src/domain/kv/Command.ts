/**
 * The requests of the KV state machine: the content of a client's request (SPEC §7).
 *
 * What a request may hold is bounded twice, by the same numbers: {@link refusalOf} tells a caller
 * before anything is sent or proposed, and {@link decode} refuses at apply, where a refusal halts the
 * node. So whoever takes a request from outside asks the first. Proof: `Command.test.ts`.
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
import * as Span from "./Span.ts"
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

/** Reads keys in order. */
export interface Range {
  readonly _tag: "Range"
  readonly span: Span.Span
  /** Entries, 1..10,000. */
  readonly limit: number
  /** The last key of the answer before, to go on after it. */
  readonly continuation: Uint8Array | undefined
}

/** One request; one revision if it changes anything. */
export type Command = Put | Delete | Get | Range | Txn.Txn

const tags = { Put: 1, Delete: 2, Get: 3, Range: 4, Txn: 5 } as const
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
      Span.write(writer, command.span)
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
      const span = Span.read(reader)
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
export function refusalOf(command: Command): Errors.Refusal | undefined {
  switch (command._tag) {
    case "Put":
      return putRefusalOf(command)
    case "Delete":
    case "Get":
      return Txn.keyRefusalOf(command.key)
    case "Range":
      return rangeRefusalOf(command)
    case "Txn":
      return txnRefusalOf(command)
  }
}

/** The largest key and value fit in a request: `Limits` asserts it. */
export const putRefusalOf = ({ key, value }: Omit<Put, "_tag">): Errors.PutRefusal | undefined =>
  Txn.keyRefusalOf(key) ?? Txn.valueRefusalOf(value)

export function rangeRefusalOf(range: Omit<Range, "_tag">): Errors.RangeRefusal | undefined {
  const { continuation, limit, span } = range
  const limitMax = Limits.rangeEntriesMax
  if (!Number.isInteger(limit) || limit < 1 || limit > limitMax) {
    return new Errors.RangeLimitOutOfRange({ limit, limitMax })
  }
  for (const bound of [...Span.boundsGiven(span), continuation ?? none]) {
    const refusal = bound.length === 0 ? undefined : Txn.keyRefusalOf(bound)
    if (refusal !== undefined) return refusal
  }
  return undefined
}

export function txnRefusalOf(txn: Txn.Txn): Errors.TxnRefusal | undefined {
  const refusal = Txn.refusalOf(txn)
  if (refusal !== undefined) return refusal
  const bytes = bytesOf(txn)
  const bytesMax = Limits.requestBytesMax
  return bytes > bytesMax ? new Errors.RequestTooLarge({ bytes, bytesMax }) : undefined
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
      return 5 + Span.bytesOf(command.span) + (command.continuation?.length ?? 0)
    case "Txn":
      return 1 + Txn.bytesOf(command)
  }
}

/** All that is left, `min..max` bytes of it. */
function readRest(reader: ByteReader, min: number, max: number): Buffer {
  if (reader.remaining < min) reader.refuse("truncated")
  if (reader.remaining > max) reader.refuse("outOfRange")
  return reader.rest()
}

const orUndefined = (bytes: Buffer): Buffer | undefined => (bytes.length === 0 ? undefined : bytes)
