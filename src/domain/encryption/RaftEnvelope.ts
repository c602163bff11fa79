/**
 * The sealed form of a payload in the log (SPEC §5).
 *
 * Bound to cluster, group, term and index: an entry that is moved, swapped, replayed or renumbered
 * does not open. What must never happen: a seal before term and index are final.
 * Proof: `RaftEnvelope.test.ts`.
 *
 * AAD: `"R" ‖ version ‖ flag ‖ keyId(4) ‖ clusterId(16) ‖ groupId(2) ‖ term(8) ‖ index(8)`; flag is 0.
 */
import type * as Result from "effect/Result"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { GroupId, LogIndex, Term } from "../Ids.ts"
import type { DataKey, KeyLookup } from "./DataKey.ts"
import * as Envelope from "./Envelope.ts"
import type { EnvelopeRefused } from "./Errors.ts"

/** Where the entry stands. */
export interface Place {
  readonly groupId: GroupId
  readonly term: Term
  readonly index: LogIndex
}

const flag = 0
const aadBytes = 41

/** The cluster of the AAD is the one the key was created under. */
export function seal(
  { key, nonce, ...place }: Place & { readonly key: DataKey; readonly nonce: Buffer },
  body: Uint8Array
): Buffer {
  return Envelope.seal({ key, flag, nonce, aad: aadOf(place, { flag, key }) }, body)
}

export function open(
  { keys, ...place }: Place & { readonly keys: KeyLookup },
  envelope: Uint8Array
): Result.Result<Buffer, EnvelopeRefused> {
  return Envelope.open(
    {
      keys,
      purpose: "raft",
      isFlagKnown: (found) => found === flag,
      aadOf: (_header, key) => aadOf(place, { flag, key })
    },
    envelope
  )
}

const aadOf = (
  { groupId, index, term }: Place,
  header: { readonly flag: number; readonly key: DataKey }
): Buffer =>
  ByteWriter.allocate(aadBytes)
    .ascii("R")
    .u8(Envelope.version)
    .u8(header.flag)
    .u32(header.key.identity.keyId)
    .hex128(header.key.identity.clusterId)
    .u16(groupId)
    .u64(term)
    .u64(index)
    .done()
