/**
 * Keeps the log from growing without bound: it forgets what the state holds durably (SPEC §16).
 *
 * On every member alike, beside the engine's loop. What must never happen: an entry forgotten that the
 * state could lose. Proof: `test/layers/LogCompaction.test.ts`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { LogWriteFailure, RecordCorrupted } from "../domain/log/Errors.ts"

export class LogCompaction extends Context.Service<
  LogCompaction,
  {
    /** Entries have been applied: has the log become too long? Plain and cheap; returns at once. */
    readonly progressed: () => void
    /** Fails when a compaction does, which is as fatal as a failed `persist`: the driver races it. */
    readonly failed: Effect.Effect<never, LogWriteFailure | RecordCorrupted>
  }
>()("sealog/LogCompaction") {}
