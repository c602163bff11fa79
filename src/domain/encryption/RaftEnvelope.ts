/**
 * The sealed form of a payload in the log (SPEC §5).
 *
 * Why it exists: it binds the payload to its place. The leader seals at append, when term and index are
 * known, and both are in the AAD, so an entry that is moved, swapped, replayed or renumbered does not
 * open. It wraps the body of a proposal envelope, never the whole entry.
 *
 * Shape: {@link Envelope} with flag 0; AAD = `"R" ‖ version ‖ flag ‖ keyId(4) ‖ clusterId(16) ‖
 * groupId(2) ‖ term(8) ‖ index(8)`, 41 bytes. Proof: `RaftEnvelope.test.ts`.
 */
import * as Result from "effect/Result"
import type { GroupId, LogIndex, Term } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import type { DataKey } from "./DataKey.ts"
import * as Envelope from "./Envelope.ts"
import { RaftUnwrapFailed } from "./Errors.ts"
import type { Nonce } from "./Nonce.ts"

/** What sealing adds. */
export const overheadBytes = Envelope.overheadBytes

/** The place of an entry, to which its envelope is bound. */
export interface Place {
  readonly groupId: GroupId
  readonly term: Term
  readonly index: LogIndex
}

/** How to seal. */
export interface SealOptions extends Place {
  /** A DEK of purpose `raft`. */
  readonly key: DataKey
  /** Of `Nonce.raft`, used for this seal and no other. */
  readonly nonce: Nonce
}

/** `body` sealed, in memory of its own: 34 bytes more. */
export function seal(options: SealOptions, body: Uint8Array): Buffer {
  const sealed = Buffer.allocUnsafe(body.length + Envelope.overheadBytes)
  sealInto(sealed, 0, options, body)
  return sealed
}

/** Like {@link seal}, into `out` at `from`: with `ProposalEnvelope.allocate`, one buffer per entry. */
export function sealInto(out: Buffer, from: number, options: SealOptions, body: Uint8Array): void {
  const { key, nonce } = options
  invariant(key.purpose === "raft", "an entry is sealed under a raft DEK")
  Envelope.sealInto(out, from, { key, nonce, aad: aadOf(key, options) }, body)
}

/** How to open. */
export interface OpenOptions extends Place {
  readonly keys: Envelope.KeyLookup
}

/** The body, if `sealed` was sealed for this very place under a raft DEK that `keys` holds. */
export function open(
  options: OpenOptions,
  sealed: Uint8Array
): Result.Result<Buffer, RaftUnwrapFailed> {
  const { groupId, index, keys, term } = options
  const aad = (key: DataKey) => aadOf(key, options)
  return Result.mapError(
    Envelope.open({ purpose: "raft", keys, aadOf: aad }, sealed),
    (reason) =>
      new RaftUnwrapFailed({ groupId, index, term, keyId: Envelope.keyIdOf(sealed), reason })
  )
}

const aadOf = (key: DataKey, { groupId, index, term }: Place): Buffer =>
  Envelope.beginAad("R", { key, groupId }, 16).u64(term).u64(index).done()
