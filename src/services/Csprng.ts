/**
 * Cryptographically secure random bytes: key ids, DEKs, identities, the start of proposal ids.
 *
 * A service so that a simulation can give it a seed; never a source of nonces of the raft or storage
 * envelope, which have no random bits (SPEC §6).
 */
import * as Context from "effect/Context"

export class Csprng extends Context.Service<
  Csprng,
  {
    /** `size` fresh bytes in a buffer of their own, never pooled. Synchronous. */
    readonly bytes: (size: number) => Buffer<ArrayBuffer>
  }
>()("sealog/Csprng") {}
