/**
 * AES-256-GCM in the shape both envelopes share (SPEC §5).
 *
 * What must never happen: plaintext released before the tag has verified; a tag shorter than 16
 * bytes. Proof: `Envelope.test.ts` (every flipped bit, every truncation, another implementation).
 *
 * Shape: `0x01 version ‖ flag(1) ‖ keyId(4) ‖ nonce(12) ‖ ciphertext ‖ tag(16)`.
 */
import { createCipheriv, createDecipheriv } from "node:crypto"
import * as Result from "effect/Result"
import { asBuffer } from "../bytes/ByteReader.ts"
import type { KeyId } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import type { DataKey, KeyLookup, KeyPurpose } from "./DataKey.ts"
import { EnvelopeRefused } from "./Errors.ts"
import { nonceBytes } from "./Nonce.ts"

export const version = 0x01
export const headerBytes = 18
export const tagBytes = 16
/** What sealing adds to a plaintext. */
export const overheadBytes = headerBytes + tagBytes

const algorithm = "aes-256-gcm"
const options = { authTagLength: tagBytes }

/** Everything of an envelope that an AAD speaks of. */
export interface Header {
  readonly flag: number
  readonly keyId: KeyId
}

/** Seals into one fresh buffer. The nonce is the caller's to keep unique. */
export function seal(
  { aad, flag, key, nonce }: { key: DataKey; flag: number; nonce: Buffer; aad: Buffer },
  plaintext: Uint8Array
): Buffer {
  invariant(nonce.length === nonceBytes, "a nonce has 12 bytes")
  const envelope = Buffer.allocUnsafe(overheadBytes + plaintext.length)
  envelope[0] = version
  envelope[1] = flag
  envelope.writeUInt32BE(key.identity.keyId, 2)
  envelope.set(nonce, 6)
  const cipher = createCipheriv(algorithm, key.keyObject, nonce, options)
  cipher.setAAD(aad)
  envelope.set(cipher.update(plaintext), headerBytes)
  cipher.final()
  envelope.set(cipher.getAuthTag(), headerBytes + plaintext.length)
  return envelope
}

/** What it takes to open an envelope of one kind. */
export interface Opening {
  readonly keys: KeyLookup
  readonly purpose: KeyPurpose
  readonly isFlagKnown: (flag: number) => boolean
  readonly aadOf: (header: Header, key: DataKey) => Buffer
}

/** Answers the plaintext only when the tag has verified; a key of another purpose is no key. */
export function open(
  { aadOf, isFlagKnown, keys, purpose }: Opening,
  bytes: Uint8Array
): Result.Result<Buffer, EnvelopeRefused> {
  const envelope = asBuffer(bytes)
  if (envelope.length < overheadBytes) return refused("truncated", 0)
  if (envelope[0] !== version) return refused("badVersion", 0)
  const flag = envelope[1]!
  if (!isFlagKnown(flag)) return refused("badFlag", 0)
  const keyId = envelope.readUInt32BE(2) as KeyId
  const key = keys(keyId)
  if (key === undefined || key.identity.purpose !== purpose) return refused("unknownKeyId", keyId)
  const end = envelope.length - tagBytes
  const nonce = envelope.subarray(6, headerBytes)
  const decipher = createDecipheriv(algorithm, key.keyObject, nonce, options)
  decipher.setAAD(aadOf({ flag, keyId }, key))
  decipher.setAuthTag(envelope.subarray(end))
  const plaintext = decipher.update(envelope.subarray(headerBytes, end))
  try {
    decipher.final()
  } catch {
    plaintext.fill(0)
    return refused("tagMismatch", keyId)
  }
  return Result.succeed(plaintext)
}

const refused = (reason: EnvelopeRefused["reason"], keyId: number) =>
  Result.fail(new EnvelopeRefused({ reason, keyId }))
