/**
 * Key bytes in memory: the data-encryption keys, and the key-encryption key they are wrapped under
 * (SPEC §4).
 *
 * Why it exists: a key must be usable and never printable. The bytes live in a `KeyObject` only (a raw
 * key would also be 3.5 times slower); the buffer they came in is zeroed; every way to print one of
 * these objects answers `<redacted>`. Best effort, and no more than that: the runtime may have copied
 * the bytes before, and frees the key's memory when it collects the object.
 * Proof: `DataKey.test.ts`.
 */
import { createSecretKey, hkdfSync, type KeyObject } from "node:crypto"
import { inspect } from "node:util"
import type { ClusterId, KeyId } from "../Ids.ts"
import { invariant } from "../Invariant.ts"

/** What a DEK seals: values of the state store, or entries of the log. Never both. */
export type KeyPurpose = "storage" | "raft"

/** Bytes of a DEK and of a KEK: AES-256. */
export const keyBytes = 32

const redacted = "<redacted>"

/** What DEK and KEK have in common: bytes nobody gets to see. */
abstract class SecretKey {
  readonly #material: KeyObject

  constructor(bytes: Uint8Array) {
    invariant(bytes.length === keyBytes, "a key has 32 bytes")
    invariant(bytes.buffer.byteLength === bytes.length, "key bytes are in a buffer of their own")
    this.#material = createSecretKey(bytes)
    bytes.fill(0)
  }

  /** For `node:crypto`, and nothing else. */
  get material(): KeyObject {
    return this.#material
  }

  toString(): string {
    return redacted
  }

  toJSON(): string {
    return redacted
  }

  [inspect.custom](): string {
    return redacted
  }
}

/** Which DEK it is. */
export interface DataKeyIdentity {
  readonly id: KeyId
  readonly purpose: KeyPurpose
  /** The cluster the key was created under: every AAD under the key names this one. */
  readonly clusterId: ClusterId
}

/** A data-encryption key, unwrapped. */
export class DataKey extends SecretKey implements DataKeyIdentity {
  readonly id: KeyId
  readonly purpose: KeyPurpose
  readonly clusterId: ClusterId
  /** `clusterId` as the 16 bytes of an AAD. Not to be written to. */
  readonly clusterIdBytes: Buffer
  readonly #derived = new Map<string, DataKey>()

  /** Takes the 32 bytes, from a buffer of their own (never pooled), and zeroes them there. */
  constructor({ clusterId, id, purpose }: DataKeyIdentity, bytes: Uint8Array) {
    super(bytes)
    invariant(id !== 0, "key id 0 means no key")
    this.id = id
    this.purpose = purpose
    this.clusterId = clusterId
    this.clusterIdBytes = Buffer.from(clusterId, "hex")
  }

  /**
   * The key for another use than the DEK's own: HKDF-SHA-256 (RFC 5869) of the DEK with no salt and
   * `use` as the info. It has the identity of the DEK, and is made once.
   */
  derived(use: string): DataKey {
    const known = this.#derived.get(use)
    if (known !== undefined) return known
    const bytes = new Uint8Array(hkdfSync("sha256", this.material, "", use, keyBytes))
    const key = new DataKey(this, bytes)
    this.#derived.set(use, key)
    return key
  }
}

/** The key-encryption key: wraps DEKs and nothing else. */
export class KeyEncryptionKey extends SecretKey {
  /** Tells it from a {@link DataKey}, which must never wrap. */
  readonly purpose = "wrap"
}

/** The purpose as one byte of AADs and formats: 1 storage, 2 raft. */
export const purposeByte = (purpose: KeyPurpose): 1 | 2 => (purpose === "storage" ? 1 : 2)
