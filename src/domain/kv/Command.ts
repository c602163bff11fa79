/**
 * The requests of the KV state machine: the content of a client's request (SPEC §7).
 *
 * Proof: `Command.test.ts`.
 *
 * Shape: `tag(1)`, then by tag: 1 put `keyLength(2) ‖ key ‖ value`, 2 delete `key`, 3 get `key`. Tags 4
 * (range) and 5 (txn) are taken. A tag this release does not know is refused as `unknownTag`.
 */
import { ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import * as Limits from "../Limits.ts"

export type Command =
  | { readonly _tag: "Put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly _tag: "Delete"; readonly key: Uint8Array }
  | { readonly _tag: "Get"; readonly key: Uint8Array }

const tags = { Put: 1, Delete: 2, Get: 3 } as const

/** Keys and values are within the limits: whoever takes them from outside has checked. */
export function encode(command: Command): Buffer {
  const { key } = command
  if (command._tag !== "Put") {
    return ByteWriter.allocate(1 + key.length).u8(tags[command._tag]).bytes(key).done()
  }
  return ByteWriter.allocate(3 + key.length + command.value.length)
    .u8(tags.Put)
    .u16(key.length)
    .bytes(key)
    .bytes(command.value)
    .done()
}

/** Keys and values are views of `content`. */
export function decode(content: Uint8Array): Decoded<Command> {
  const reader = new ByteReader("KV request", content)
  const tag = reader.u8()
  switch (tag) {
    case tags.Put: {
      const key = reader.block("u16", 1, Limits.keyBytesMax)
      const value = reader.bytes(reader.remaining)
      if (value.length > Limits.valueBytesMax) reader.refuse("outOfRange")
      return reader.end({ _tag: "Put", key, value })
    }
    case tags.Delete:
      return reader.end({ _tag: "Delete", key: readKey(reader) })
    case tags.Get:
      return reader.end({ _tag: "Get", key: readKey(reader) })
    default:
      reader.refuse("unknownTag")
      return reader.end({ _tag: "Get", key: content })
  }
}

function readKey(reader: ByteReader): Uint8Array {
  if (reader.remaining === 0) reader.refuse("truncated")
  const key = reader.rest()
  if (key.length > Limits.keyBytesMax) reader.refuse("outOfRange")
  return key
}
