/**
 * What the raft envelope and the storage envelope share: the shape, the cipher, and the order in which
 * an envelope is refused (SPEC §5).
 *
 * Shape: `version 0x01 ‖ flag(1) ‖ keyId(4) ‖ nonce(12) ‖ ciphertext ‖ tag(16)`, AES-256-GCM; 34 bytes
 * more than the plaintext. The tag is always the last 16 bytes: without an explicit length the runtime
 * accepts a tag of 4, which an attacker can guess.
 *
 * What must never happen here: plaintext released before the tag has verified, a key used for another
 * purpose than its own. Proof: `RaftEnvelope.test.ts`, `StorageEnvelope.test.ts` (against another
 * implementation, every flipped bit, every truncation).
 */
import { createCipheriv, createDecipheriv } from "node:crypto"
import * as Result from "effect/Result"
import { asBuffer } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { GroupId, KeyId } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import type { DataKey, KeyPurpose } from "./DataKey.ts"
import type { EnvelopeReason } from "./Errors.ts"
import * as Nonce from "./Nonce.ts"

/** Finds an unwrapped DEK: the keystore. */
export type KeyLookup = (keyId: KeyId) => DataKey | undefined

/** AES-256-GCM with the shape above; another suite gets another version. */
export const version = 0x01
/** Bytes of a tag: the full length of GCM. */
export const tagBytes = 16
/** Version, flag, key id and nonce. */
export const headerBytes = 6 + Nonce.bytes
/** What sealing adds. */
export const overheadBytes = headerBytes + tagBytes

const algorithm = "aes-256-gcm"
/** No flag is in use: compression (bit 0 of the storage envelope) is not supported yet. */
const flag = 0x00

/**
 * Starts an AAD: `label(1) ‖ version ‖ flag ‖ keyId(4) ‖ clusterId(16) ‖ groupId(2)`, 25 bytes, with
 * room for `moreBytes`. The cluster is the one the key was created under.
 */
export const beginAad = (
  label: "R" | "S" | "Q",
  { groupId, key }: { readonly key: DataKey; readonly groupId: GroupId },
  moreBytes: number
): ByteWriter =>
  ByteWriter.allocate(25 + moreBytes)
    .ascii(label)
    .u8(version)
    .u8(flag)
    .u32(key.id)
    .bytes(key.clusterIdBytes)
    .u16(groupId)

/** What one seal takes beside the plaintext. */
export interface Sealing {
  readonly key: DataKey
  readonly nonce: Nonce.Nonce
  readonly aad: Uint8Array
}

/** Writes the envelope of `plaintext` to `out` at `from`: `plaintext.length + 34` bytes. */
export function sealInto(
  out: Buffer,
  from: number,
  { aad, key, nonce }: Sealing,
  plaintext: Uint8Array
): void {
  invariant(nonce.length === Nonce.bytes, "a nonce has 12 bytes")
  const cipher = createCipheriv(algorithm, key.material, nonce, { authTagLength: tagBytes })
  cipher.setAAD(aad)
  const writer = ByteWriter.within(out, from, plaintext.length + overheadBytes)
    .u8(version)
    .u8(flag)
    .u32(key.id)
    .bytes(nonce)
    .bytes(cipher.update(plaintext))
  cipher.final()
  writer.bytes(cipher.getAuthTag()).done()
}

/** How an envelope is opened: under which keys, and what it must be bound to. */
export interface Opening {
  readonly purpose: KeyPurpose
  readonly keys: KeyLookup
  /** The key itself, or the one derived from it for this use. */
  readonly use?: (key: DataKey) => DataKey
  readonly aadOf: (key: DataKey) => Uint8Array
}

/** The plaintext in memory of its own, or why there is none. */
export function open(
  { aadOf, keys, purpose, use }: Opening,
  sealed: Uint8Array
): Result.Result<Buffer, EnvelopeReason> {
  const bytes = asBuffer(sealed)
  const found = keyOf(bytes, purpose, keys)
  if (typeof found === "string") return Result.fail(found)
  const key = use === undefined ? found : use(found)
  const plaintext = decrypt(bytes, key, aadOf(key))
  return plaintext === undefined ? Result.fail("tagMismatch") : Result.succeed(plaintext)
}

/** The key that opens these bytes, or why they do not even come to be opened. */
function keyOf(
  sealed: Buffer,
  purpose: KeyPurpose,
  keys: KeyLookup
): DataKey | Exclude<EnvelopeReason, "tagMismatch"> {
  if (sealed.length === 0) return "truncated"
  if (sealed[0] !== version) return "badVersion"
  if (sealed.length < overheadBytes) return "truncated"
  if (sealed[1] !== flag) return "badFlag"
  const key = keys(keyIdOf(sealed))
  return key === undefined || key.purpose !== purpose ? "unknownKeyId" : key
}

/** The plaintext in memory of its own, or `undefined` if the tag does not verify. */
function decrypt(sealed: Buffer, key: DataKey, aad: Uint8Array): Buffer | undefined {
  const tagFrom = sealed.length - tagBytes
  const nonce = sealed.subarray(6, headerBytes)
  const decipher = createDecipheriv(algorithm, key.material, nonce, { authTagLength: tagBytes })
  decipher.setAuthTag(sealed.subarray(tagFrom))
  decipher.setAAD(aad)
  const unverified = decipher.update(sealed.subarray(headerBytes, tagFrom))
  try {
    decipher.final()
    return unverified
  } catch {
    unverified.fill(0)
    return undefined
  }
}

/** The key id an envelope names, for errors; 0 if the bytes end before it does. */
export const keyIdOf = (sealed: Uint8Array): KeyId =>
  (sealed.length < 6 ? 0 : asBuffer(sealed).readUInt32BE(2)) as KeyId
