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
import { asBuffer } from "../bytes/ByteReader.ts"
import type { GroupId, LogIndex, Term } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import type { DataKey } from "./DataKey.ts"
import * as Envelope from "./Envelope.ts"
import { type EnvelopeReason, RaftUnwrapFailed } from "./Errors.ts"
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
  const bytes = asBuffer(sealed)
  const key = Envelope.keyOf(bytes, "raft", options.keys)
  if (typeof key === "string") return refused(options, bytes, key)
  const body = Envelope.decrypt(bytes, key, aadOf(key, options))
  return body === undefined ? refused(options, bytes, "tagMismatch") : Result.succeed(body)
}

const aadOf = (key: DataKey, { groupId, index, term }: Place): Buffer =>
  Envelope.beginAad("R", { key, groupId }, 16).u64(term).u64(index).done()

function refused(
  { groupId, index, term }: Place,
  sealed: Buffer,
  reason: EnvelopeReason
): Result.Result<never, RaftUnwrapFailed> {
  const keyId = Envelope.keyIdOf(sealed)
  return Result.fail(new RaftUnwrapFailed({ groupId, index, term, keyId, reason }))
}
