/**
 * The sealed form of a value in the state store (SPEC §5).
 *
 * Bound to cluster, group, revision and key: a value copied to another key or revision does not open.
 * What must never happen: a seal anywhere but at apply, where the revision is final.
 * Proof: `StorageEnvelope.test.ts`.
 *
 * AAD: `"S" ‖ version ‖ flag ‖ keyId(4) ‖ clusterId(16) ‖ groupId(2) ‖ revision(8) ‖ key`. Flag bit 0 is
 * kept for compressed plaintext; this release writes 0 and refuses everything else.
 */
import type * as Result from "effect/Result"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { GroupId, Revision } from "../Ids.ts"
import type { DataKey, KeyLookup } from "./DataKey.ts"
import * as Envelope from "./Envelope.ts"
import type { EnvelopeRefused } from "./Errors.ts"

/** Where the value stands. */
export interface Place {
  readonly groupId: GroupId
  readonly revision: Revision
  /** The key in the state store. */
  readonly storeKey: Uint8Array
}

const flag = 0
const aadBytesBeforeKey = 33

/** The cluster of the AAD is the one the key was created under. */
export function seal(
  { key, nonce, ...place }: Place & { readonly key: DataKey; readonly nonce: Buffer },
  value: Uint8Array
): Buffer {
  return Envelope.seal({ key, flag, nonce, aad: aadOf(place, key) }, value)
}

export function open(
  { keys, ...place }: Place & { readonly keys: KeyLookup },
  envelope: Uint8Array
): Result.Result<Buffer, EnvelopeRefused> {
  return Envelope.open(
    {
      keys,
      purpose: "storage",
      isFlagKnown: (found) => found === flag,
      aadOf: (_header, key) => aadOf(place, key)
    },
    envelope
  )
}

const aadOf = ({ groupId, revision, storeKey }: Place, { identity }: DataKey): Buffer =>
  ByteWriter.allocate(aadBytesBeforeKey + storeKey.length)
    .ascii("S")
    .u8(Envelope.version)
    .u8(flag)
    .u32(identity.keyId)
    .hex128(identity.clusterId)
    .u16(groupId)
    .u64(revision)
    .bytes(storeKey)
    .done()
