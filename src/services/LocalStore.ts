/**
 * What this node alone knows about itself (SPEC §3, §6, §8: table `local` of the log environment).
 *
 * Never replicated, never part of a snapshot, never rebuilt from a peer: an epoch that came back
 * smaller would repeat nonces. Proof: `test/contracts/LocalStore.ts`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { LogWriteFailure } from "../domain/log/Errors.ts"
import type { LocalRecord } from "../domain/log/LocalRecord.ts"
import type { Entry } from "../domain/raft/Entry.ts"

export class LocalStore extends Context.Service<
  LocalStore,
  {
    /** `undefined` in a directory that was never initialised. Throws `RecordCorrupted`. */
    readonly read: () => LocalRecord | undefined
    /** Replaces the record; returns when it is durable. A failure is fatal to the node. */
    readonly write: (record: LocalRecord) => Effect.Effect<void, LogWriteFailure>
    /**
     * Founds a cluster: the record that says so, and the first entries of its log, committed by the
     * founder alone, in one commit. Only into a log that is empty.
     */
    readonly found: (
      record: LocalRecord,
      entries: ReadonlyArray<Entry>
    ) => Effect.Effect<void, LogWriteFailure>
  }
>()("sealog/LocalStore") {}
