/**
 * The data of a `registration` entry: a writer announces its epoch under a raft DEK before it seals
 * anything with it (SPEC §6).
 *
 * It is plaintext by kind and holds no user data. Epoch 0 is a registration on behalf of another node
 * and allocates its writer id only.
 *
 * Shape: `version 0x01 ‖ keyId(4) ‖ nodeNameLength(1) ‖ nodeName ‖ incarnation(16) ‖ epoch(2) ‖
 * openingId(16)`. Proof: `Registration.test.ts`.
 */
import * as Result from "effect/Result"
import { ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { KeyId, LocalEpoch, OpeningId } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import * as Limits from "../Limits.ts"
import * as WriterIdentity from "./WriterIdentity.ts"

/** Who registers which epoch, and in which opening. */
export interface Registration extends WriterIdentity.WriterIdentity {
  /** The raft DEK, never 0. */
  readonly keyId: KeyId
  /** 0 = on behalf of another node. */
  readonly epoch: LocalEpoch
  /** Of the opening that registers itself. */
  readonly openingId: OpeningId
}

const version = 0x01

/** At most 104 bytes. */
export function encode(registration: Registration): Buffer {
  const { epoch, keyId, openingId } = registration
  invariant(keyId !== 0, "a registration names a raft DEK")
  invariant(epoch <= Limits.localEpochMax, "an epoch fits in 2 bytes and is never truncated")
  const writer = ByteWriter.allocate(23 + WriterIdentity.bytesOf(registration))
  WriterIdentity.write(writer.u8(version).u32(keyId), registration)
  return writer.u16(epoch).hex128(openingId).done()
}

/** Fails with `Malformed`. */
export function decode(data: Uint8Array): Decoded<Registration> {
  const reader = new ByteReader("registration", data)
  reader.version(version)
  const keyId = reader.within("u32", 1, 0xffffffff) as KeyId
  const { incarnation, nodeName } = WriterIdentity.read(reader)
  const epoch = reader.u16() as LocalEpoch
  const openingId = reader.hex128() as OpeningId
  return reader.end({ keyId, nodeName, incarnation, epoch, openingId })
}

/** Was it made by this opening, for itself? */
export const isOf = (
  data: Uint8Array,
  { openingId }: { readonly openingId: OpeningId }
): boolean => {
  const registration = decode(data)
  if (Result.isFailure(registration)) return false
  const { epoch, openingId: madeBy } = registration.success
  return madeBy === openingId && epoch !== 0
}
