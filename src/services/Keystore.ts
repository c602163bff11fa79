/**
 * The unwrapped DEKs of this node, in memory only (SPEC §1, §4).
 *
 * Looked up synchronously per entry and per value; filled once at start-up and whenever an entry
 * brings a key. Never persisted, never printed.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { CapabilityAnswer, KeyProof } from "../domain/capability/CapabilityAnswer.ts"
import type { AskedKey } from "../domain/capability/Challenge.ts"
import type { Subject } from "../domain/capability/Proof.ts"
import type { DataKey, KeyPurpose } from "../domain/encryption/DataKey.ts"
import type { KekMismatch, KekUnavailable } from "../domain/encryption/Errors.ts"
import type { WrappedKey } from "../domain/encryption/SidecarState.ts"
import type { ClusterId, KeyId } from "../domain/Ids.ts"

/** A DEK drawn on the leader, ready to be proposed. */
export interface NewKey {
  readonly keyId: KeyId
  readonly wrapped: Uint8Array
}

export class Keystore extends Context.Service<
  Keystore,
  {
    readonly hasKek: boolean
    /** `off`: the node has no source of a KEK; `withoutKek`: it has one, which gave none. */
    readonly encryption: CapabilityAnswer["encryption"]
    readonly get: (keyId: KeyId) => DataKey | undefined
    /**
     * Unwraps these keys under the KEK and keeps them. Fails with the ids of all that do not unwrap,
     * and then keeps none of them.
     */
    readonly unwrap: (
      keys: ReadonlyArray<WrappedKey>
    ) => Effect.Effect<void, KekMismatch | KekUnavailable>
    /**
     * A proof for each of these keys that this node can use: the one it holds under that id and
     * purpose, or else the one that unwraps under its KEK, which is not kept (SPEC §14).
     */
    readonly prove: (
      subject: Subject,
      keys: ReadonlyArray<AskedKey>
    ) => Effect.Effect<ReadonlyArray<KeyProof>>
    /** The keys whose proofs are right, as this node computes them. */
    readonly proven: (
      subject: Subject,
      keys: ReadonlyArray<AskedKey>,
      proofs: ReadonlyArray<KeyProof>
    ) => Effect.Effect<ReadonlySet<KeyId>>
    /**
     * Draws a DEK and a key id that is not among `taken`, and wraps the DEK. The DEK itself is
     * forgotten: it comes back through the log, as it does on every replica.
     */
    readonly draw: (options: {
      readonly purpose: KeyPurpose
      readonly clusterId: ClusterId
      readonly taken: ReadonlySet<KeyId>
    }) => Effect.Effect<NewKey, KekUnavailable>
  }
>()("sealog/Keystore") {}
