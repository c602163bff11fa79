/**
 * The durable state of one group (SPEC §8, environment `state`): what applied entries have made.
 *
 * Commits are atomic and ordered, visible at once, and written behind: after a crash the state is
 * exactly that of some earlier commit, and the log replays from there. What must never happen: a log
 * truncated above what {@link StateStore} `durable` holds. Proof: `test/contracts/StateStore.ts`.
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
    /** Reads of what a crash at this moment would leave, or of something older. */
    readonly durable: StateReader
    /**
     * Runs `body` and commits what it wrote, all or nothing, before it returns; plain and synchronous
     * because the applier calls it once per run of entries. If `body` throws, nothing is written and
     * the same error is thrown. Throws `StateWriteFailure` if an earlier commit could not be written:
     * the node must stop.
     */
    readonly transact: <A>(body: (transaction: StateTransaction) => A) => A
    /**
     * Returns when the commits that are not durable yet leave room for one more. Wait for it before
     * a `transact`: this is what bounds the memory of a store whose disk is slow.
     */
    readonly room: Effect.Effect<void, StateWriteFailure>
    /** Returns when everything committed before the call is durable. */
    readonly flush: Effect.Effect<void, StateWriteFailure>
    /** Fails when a commit could not be written; whoever drives the store races it. */
    readonly failed: Effect.Effect<never, StateWriteFailure>
  }
>()("sealog/StateStore") {}
