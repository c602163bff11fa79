/** The key-value store as its users call it, in process or behind RPC (SPEC §7). */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { SessionRefusal } from "../domain/apply/Outcome.ts"
import type { LeaderLost, NodeStopped } from "../domain/engine/Errors.ts"
import type { Revision } from "../domain/Ids.ts"
import type * as KvErrors from "../domain/kv/Errors.ts"
import type * as KvResult from "../domain/kv/Result.ts"
import type { Span } from "../domain/kv/Span.ts"
import type { Compare, Operation } from "../domain/kv/Txn.ts"
import type { SessionId, SessionSequence } from "../domain/log/Request.ts"
import type { KeyedValue, StoredValue } from "../domain/machine/ValueStore.ts"
import type { SequenceOutOfRange, TooManySessions } from "../domain/session/Errors.ts"
import type { ProposeFailure } from "./Coordinator.ts"

/** Beside its refusals, which come before anything is proposed. */
export type KvReadFailure = ProposeFailure | KvErrors.ValueCorrupted | NodeStopped

export interface RangeOptions {
  readonly span: Span
  /** Entries, 1..10,000; fewer are answered where their bytes pass `Limits.answerBytesMax`. */
  readonly limit: number
  /** That of the page before; none for the first page. */
  readonly continuation?: Uint8Array | undefined
  readonly stale?: boolean | undefined
}

export interface RangePage {
  readonly entries: ReadonlyArray<KeyedValue>
  /**
   * Of the store when this page was read. Each page is consistent in itself and linearizable; pages
   * of one revision are of one moment, others may not be.
   */
  readonly revision: Revision
  /** Absent if that was all, else what the next page goes on after: the last key of this one. */
  readonly continuation?: Uint8Array
}

export interface TxnOptions {
  /** If all hold `onSuccess` is done, else `onFailure`. At most 128, like each branch. */
  readonly compares: ReadonlyArray<Compare>
  readonly onSuccess: ReadonlyArray<Operation>
  readonly onFailure: ReadonlyArray<Operation>
}

/** A write with a session is applied once, however often it is asked for (SPEC §7). */
export interface WriteOptions {
  readonly session?: SessionSequence | undefined
}

/** The last two: only of a write with a session; `LeaderLost`: only of one that was forwarded. */
export type KvWriteFailure = ProposeFailure | LeaderLost | SessionRefusal | SequenceOutOfRange

export class KvStore extends Context.Service<
  KvStore,
  {
    /** Returns the revision of this write, once it is applied. */
    readonly put: (
      key: Uint8Array,
      value: Uint8Array,
      options?: WriteOptions
    ) => Effect.Effect<{ readonly revision: Revision }, KvWriteFailure | KvErrors.PutRefusal>
    /** `deleted` is false, and the revision unchanged, if there was no such key. */
    readonly delete: (
      key: Uint8Array,
      options?: WriteOptions
    ) => Effect.Effect<
      { readonly revision: Revision; readonly deleted: boolean },
      KvWriteFailure | KvErrors.KeyRefusal
    >
    /** Linearizable unless `stale`, which answers from this node's applied state, until it halts. */
    readonly get: (
      key: Uint8Array,
      options?: { readonly stale?: boolean | undefined }
    ) => Effect.Effect<StoredValue | undefined, KvReadFailure | KvErrors.KeyRefusal>
    /** One page of the keys of a span, ascending. Linearizable unless `stale`. */
    readonly range: (
      options: RangeOptions
    ) => Effect.Effect<RangePage, KvReadFailure | KvErrors.RangeRefusal>
    /**
     * Compares, then one of two branches, as one request with at most one revision. One that only
     * reads is not proposed. `TxnReadTooLarge`: it would open too many values; nothing was changed.
     */
    readonly txn: (
      options: TxnOptions & WriteOptions
    ) => Effect.Effect<
      Omit<KvResult.TxnDone, "_tag">,
      KvReadFailure | KvWriteFailure | KvErrors.TxnRefusal | KvErrors.TxnReadTooLarge
    >
    /** Opens a session under an id that the client has drawn; repeating it does no harm. */
    readonly openSession: (
      sessionId: SessionId
    ) => Effect.Effect<void, ProposeFailure | LeaderLost | TooManySessions>
  }
>()("sealog/KvStore") {}
