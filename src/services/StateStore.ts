/**
 * The durable state of one group (SPEC §8, environment `state`): what applied entries have made.
 *
 * Commits are atomic and ordered, and flushed in the background: after a crash the state is exactly
 * that of some earlier commit, and the log replays from there. Proof: `test/contracts/StateStore.ts`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { StateWriteFailure } from "../domain/state/Errors.ts"
import type { StateReader, StateTransaction } from "../domain/state/StateTransaction.ts"

export class StateStore extends Context.Service<
  StateStore,
  {
    /** Reads of the last commit, synchronous. */
    readonly reader: StateReader
    /**
     * Runs `body` and commits what it wrote, all or nothing, before it returns; plain and synchronous
     * because the applier calls it once per run of entries. If `body` throws, nothing is written and
     * the same error is thrown. A failed commit throws `StateWriteFailure`, and so does every later
     * call: the node must stop.
     */
    readonly transact: <A>(body: (transaction: StateTransaction) => A) => A
    /** Returns when everything committed before the call is durable. */
    readonly flush: Effect.Effect<void, StateWriteFailure>
  }
>()("sealog/StateStore") {}
