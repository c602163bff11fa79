/**
 * The commands that change the replicated encryption state: the payloads with opcodes `0x04` (bootstrap)
 * and `0x05` (key lifecycle) (SPEC §7).
 *
 * DEKs travel in them wrapped; key ids are never 0. What must never happen here: a key in clear.
 * An opcode or sub-tag this release does not know is `UnknownOpcode`, apart from `Malformed`, because
 * it means a newer writer. Proof: `Command.test.ts`.
 *
 * Shapes, after the opcode; a *delivery* is `keyId(4) ‖ length(2) ‖ wrapped`:
 * - `0x04`: storage delivery ‖ raft delivery ‖ `count(2)` ‖ writers (see {@link WriterIdentity})
 * - `0x05 0x01` rotate: `purpose(1: 1 storage, 2 raft)` ‖ `replaces(4)` ‖ delivery
 * - `0x05 0x02` rewrap: `count(2)` ‖ deliveries
 * - `0x05 0x03` retire, `0x05 0x04` enable-storage-envelope, `0x05 0x05` enable-raft-envelope: `keyId(4)`
 */
import * as Result from "effect/Result"
import { ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { Malformed } from "../bytes/Errors.ts"
import type { KeyId } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import * as Limits from "../Limits.ts"
import { UnknownOpcode } from "../log/Errors.ts"
import { type KeyPurpose, purposeByte } from "./DataKey.ts"
import * as WriterIdentity from "./WriterIdentity.ts"

/** A DEK on its way to every replica. */
export interface KeyDelivery {
  readonly keyId: KeyId
  /** Wrapped under the KEK: 1..1024 bytes, exactly 61 under a local KEK. */
  readonly wrapped: Uint8Array
}

/** The first DEKs, and writer ids for all members. */
export interface Bootstrap {
  readonly _tag: "Bootstrap"
  readonly storage: KeyDelivery
  readonly raft: KeyDelivery
  readonly writers: ReadonlyArray<WriterIdentity.WriterIdentity>
}

/**
 * A new active DEK; the old one stays for reading. It names the one it replaces, so that a rotation that
 * is proposed again, because nobody knew what became of it, does not rotate twice.
 */
export interface Rotate extends KeyDelivery {
  readonly _tag: "Rotate"
  readonly purpose: KeyPurpose
  /** Stale unless this is the active DEK of that purpose. */
  readonly replaces: KeyId
}

/** All DEKs, wrapped under another KEK. */
export interface Rewrap {
  readonly _tag: "Rewrap"
  readonly keys: ReadonlyArray<KeyDelivery>
}

/** A DEK that nothing needs any more. */
export interface Retire {
  readonly _tag: "Retire"
  readonly keyId: KeyId
}

/** Phase 0 → 1: values are sealed from here on, under the storage DEK named. */
export interface EnableStorageEnvelope {
  readonly _tag: "EnableStorageEnvelope"
  readonly storageKeyId: KeyId
}

/** The cutover marker. Phase 1 → 2: every later entry is sealed. Stale unless that DEK is active. */
export interface EnableRaftEnvelope {
  readonly _tag: "EnableRaftEnvelope"
  readonly raftKeyId: KeyId
}

/** Applied by `SidecarState.apply`. */
export type Command =
  | Bootstrap
  | Rotate
  | Rewrap
  | Retire
  | EnableStorageEnvelope
  | EnableRaftEnvelope

/** The first byte of a payload that is one of these commands. */
export const opcodes = { bootstrap: 0x04, keyLifecycle: 0x05 } as const
const subTags = {
  rotate: 1,
  rewrap: 2,
  retire: 3,
  enableStorageEnvelope: 4,
  enableRaftEnvelope: 5
} as const

/** A delivery of one wrapped byte. */
const deliveryBytesMin = 7

/** A payload. Key id 0, or a wrapped key out of bounds, is a bug of the caller. */
export function encode(command: Command): Buffer {
  const writer = ByteWriter.allocate(bytesOf(command))
  switch (command._tag) {
    case "Bootstrap": {
      writer.u8(opcodes.bootstrap)
      writeDelivery(writer, command.storage)
      writeDelivery(writer, command.raft)
      writer.u16(command.writers.length)
      for (const identity of command.writers) WriterIdentity.write(writer, identity)
      return writer.done()
    }
    case "Rotate":
      lifecycle(writer, subTags.rotate).u8(purposeByte(command.purpose))
      return writeDelivery(writeKeyId(writer, command.replaces), command).done()
    case "Rewrap":
      lifecycle(writer, subTags.rewrap).u16(command.keys.length)
      for (const delivery of command.keys) writeDelivery(writer, delivery)
      return writer.done()
    case "Retire":
      return writeKeyId(lifecycle(writer, subTags.retire), command.keyId).done()
    case "EnableStorageEnvelope":
      lifecycle(writer, subTags.enableStorageEnvelope)
      return writeKeyId(writer, command.storageKeyId).done()
    case "EnableRaftEnvelope":
      lifecycle(writer, subTags.enableRaftEnvelope)
      return writeKeyId(writer, command.raftKeyId).done()
  }
}

/** A payload that begins with one of {@link opcodes}; wrapped keys are views of it. */
export function decode(payload: Uint8Array): Result.Result<Command, Malformed | UnknownOpcode> {
  const reader = new ByteReader("encryption command", payload)
  const opcode = reader.u8()
  if (opcode === opcodes.bootstrap) return decodeBootstrap(reader)
  if (opcode === opcodes.keyLifecycle) return decodeLifecycle(reader)
  return payload.length === 0
    ? reader.refused("truncated")
    : Result.fail(new UnknownOpcode({ opcode }))
}

/**
 * Is this payload, not sealed, a cutover marker? Looks at two bytes. Never ask it of a sealed body:
 * only the index says what a body is (SPEC §11).
 */
export const isEnableRaftEnvelope = (payload: Uint8Array): boolean =>
  payload[0] === opcodes.keyLifecycle && payload[1] === subTags.enableRaftEnvelope

function decodeBootstrap(reader: ByteReader): Decoded<Command> {
  const storage = readDelivery(reader)
  const raft = readDelivery(reader)
  const count = reader.count("u16", WriterIdentity.bytesMin)
  const writers: Array<WriterIdentity.WriterIdentity> = []
  for (let read = 0; read < count; read++) writers.push(WriterIdentity.read(reader))
  return reader.end({ _tag: "Bootstrap", storage, raft, writers })
}

function decodeLifecycle(reader: ByteReader): Result.Result<Command, Malformed | UnknownOpcode> {
  if (reader.remaining === 0) return reader.refused("truncated")
  const subTag = reader.u8()
  switch (subTag) {
    case subTags.rotate: {
      const purpose = reader.choice(1, 2, "unknownTag") === 1 ? "storage" : "raft"
      const replaces = readKeyId(reader)
      return reader.end({ _tag: "Rotate", purpose, replaces, ...readDelivery(reader) })
    }
    case subTags.rewrap: {
      const count = reader.count("u16", deliveryBytesMin)
      const keys: Array<KeyDelivery> = []
      for (let read = 0; read < count; read++) keys.push(readDelivery(reader))
      return reader.end({ _tag: "Rewrap", keys })
    }
    case subTags.retire:
      return reader.end({ _tag: "Retire", keyId: readKeyId(reader) })
    case subTags.enableStorageEnvelope:
      return reader.end({ _tag: "EnableStorageEnvelope", storageKeyId: readKeyId(reader) })
    case subTags.enableRaftEnvelope:
      return reader.end({ _tag: "EnableRaftEnvelope", raftKeyId: readKeyId(reader) })
    default:
      return Result.fail(new UnknownOpcode({ opcode: opcodes.keyLifecycle, subTag }))
  }
}

function bytesOf(command: Command): number {
  switch (command._tag) {
    case "Bootstrap": {
      const { raft, storage, writers } = command
      let bytes = 3 + deliveryBytesOf(storage) + deliveryBytesOf(raft)
      for (const identity of writers) bytes += WriterIdentity.bytesOf(identity)
      return bytes
    }
    case "Rotate":
      return 7 + deliveryBytesOf(command)
    case "Rewrap": {
      let bytes = 4
      for (const delivery of command.keys) bytes += deliveryBytesOf(delivery)
      return bytes
    }
    case "Retire":
    case "EnableStorageEnvelope":
    case "EnableRaftEnvelope":
      return 6
  }
}

const lifecycle = (writer: ByteWriter, subTag: number): ByteWriter =>
  writer.u8(opcodes.keyLifecycle).u8(subTag)

function writeKeyId(writer: ByteWriter, keyId: KeyId): ByteWriter {
  invariant(keyId !== 0, "key id 0 means no key")
  return writer.u32(keyId)
}

const readKeyId = (reader: ByteReader): KeyId => reader.within("u32", 1, 0xffffffff) as KeyId

const deliveryBytesOf = ({ wrapped }: KeyDelivery): number => 6 + wrapped.length

function writeDelivery(writer: ByteWriter, { keyId, wrapped }: KeyDelivery): ByteWriter {
  const isWithin = wrapped.length >= 1 && wrapped.length <= Limits.wrappedDekBytesMax
  invariant(isWithin, "a wrapped DEK is within its limits")
  return writeKeyId(writer, keyId).u16(wrapped.length).bytes(wrapped)
}

function readDelivery(reader: ByteReader): KeyDelivery {
  const keyId = readKeyId(reader)
  return { keyId, wrapped: reader.block("u16", 1, Limits.wrappedDekBytesMax) }
}
