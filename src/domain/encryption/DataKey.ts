/**
 * Keys in memory: DEKs and the KEK (SPEC §4).
 *
 * Key bytes live in a KeyObject, never in a string, and print as `<redacted>`. What must never
 * happen: key bytes in a log line, an error, JSON or a pooled buffer. Zeroing is best effort: the
 * source buffer is zeroed, the copy inside the KeyObject is freed by the runtime and not by us.
 * Proof: `DataKey.test.ts`.
 */
import { createSecretKey, type KeyObject } from "node:crypto"
import { inspect } from "node:util"
import type { ClusterId, KeyId } from "../Ids.ts"
import { invariant } from "../Invariant.ts"

export const keyBytes = 32

export type KeyPurpose = "storage" | "raft"

abstract class SecretKey {
  readonly #key: KeyObject

  /** Takes the bytes over: `bytes` is zeroed. */
  constructor(bytes: Buffer) {
    invariant(bytes.length === keyBytes, "a key has 32 bytes")
    this.#key = createSecretKey(bytes)
    bytes.fill(0)
  }

  /** For `node:crypto` only. */
  get keyObject(): KeyObject {
    return this.#key
  }

  toString(): string {
    return "<redacted>"
  }

  toJSON(): string {
    return "<redacted>"
  }

  [inspect.custom](): string {
    return "<redacted>"
  }
}

/** The key-encryption key: wraps DEKs and nothing else. */
export class KeyEncryptionKey extends SecretKey {}

/** What a DEK is, beside its bytes. */
export interface DataKeyIdentity {
  readonly keyId: KeyId
  readonly purpose: KeyPurpose
  /** The cluster it was created under, which is part of every AAD. */
  readonly clusterId: ClusterId
}

/** A data-encryption key. */
export class DataKey extends SecretKey {
  readonly identity: DataKeyIdentity

  /** Takes the bytes over: `bytes` is zeroed. */
  constructor(identity: DataKeyIdentity, bytes: Buffer) {
    super(bytes)
    this.identity = identity
  }
}

/** Finds the DEK an envelope names. */
export type KeyLookup = (keyId: KeyId) => DataKey | undefined
