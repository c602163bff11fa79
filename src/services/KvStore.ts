/** The key-value store as its users call it, in process or behind RPC (SPEC §7). */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { NodeStopped } from "../domain/engine/Errors.ts"
import type { Revision } from "../domain/Ids.ts"
import type * as KvErrors from "../domain/kv/Errors.ts"
import type { StoredValue } from "../domain/machine/ValueStore.ts"
import type { ProposeFailure } from "./Coordinator.ts"

/** Refused before anything is proposed. */
export type KvRefusal = KvErrors.KeyEmpty | KvErrors.KeyTooLarge | KvErrors.ValueTooLarge

export type KvWriteFailure = ProposeFailure | KvRefusal
export type KvReadFailure = ProposeFailure | KvRefusal | KvErrors.ValueCorrupted | NodeStopped

export class KvStore extends Context.Service<
  KvStore,
  {
    /** Returns the revision of this write, once it is applied. */
    readonly put: (
      key: Uint8Array,
      value: Uint8Array
    ) => Effect.Effect<{ readonly revision: Revision }, KvWriteFailure>
    /** `deleted` is false, and the revision unchanged, if there was no such key. */
    readonly delete: (
      key: Uint8Array
    ) => Effect.Effect<{ readonly revision: Revision; readonly deleted: boolean }, KvWriteFailure>
    /** Linearizable unless `stale`, which answers from this node's applied state at once. */
    readonly get: (
      key: Uint8Array,
      options?: { readonly stale?: boolean | undefined }
    ) => Effect.Effect<StoredValue | undefined, KvReadFailure>
  }
>()("sealog/KvStore") {}
