/**
 * The proof that a node holds a DEK, bound to the question and to the node (SPEC §14).
 *
 * HMAC-SHA-256 over `challenge(32) ‖ clusterId(16) ‖ nodeName ‖ incarnation(16) ‖ keyId(4)`, under
 * HKDF-SHA-256 of the DEK with the info `sealog/capability-proof`. Every field but the name has a fixed
 * length, so no two subjects have the same bytes. What must never happen: a proof that another node, or
 * the same node for another question, has made and that is taken here; a comparison whose time tells
 * where two proofs differ. Proof: `Proof.test.ts`.
 */
import { createHmac, timingSafeEqual } from "node:crypto"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { DataKey } from "../encryption/DataKey.ts"
import type { ClusterId, Incarnation, NodeName } from "../Ids.ts"

/** Who proves, to whom, for which question. */
export interface Subject {
  readonly nonce: Uint8Array
  /** Of the one who asks. */
  readonly clusterId: ClusterId
  readonly nodeName: NodeName
  readonly incarnation: Incarnation
}

export const bytes = 32

const use = "sealog/capability-proof"

export function prove(key: DataKey, { clusterId, incarnation, nodeName, nonce }: Subject): Buffer {
  const message = ByteWriter.allocate(nonce.length + 36 + nodeName.length)
    .bytes(nonce)
    .hex128(clusterId)
    .ascii(nodeName)
    .hex128(incarnation)
    .u32(key.id)
    .done()
  return createHmac("sha256", key.derived(use).material).update(message).digest()
}

/** In constant time. */
export const isProof = (key: DataKey, subject: Subject, proof: Uint8Array): boolean =>
  proof.length === bytes && timingSafeEqual(prove(key, subject), proof)
