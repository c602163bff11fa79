/**
 * What applied requests mean. The KV machine is one; an embedder brings its own.
 *
 * **Invariants** (1) deterministic: no clock, randomness or I/O, and no state of its own: everything
 * follows from the arguments, because every replica runs it, at its own time and again after a crash;
 * (2) refusals are results; (3) a throw stops the node at that entry, and every start after it, until
 * a release that can apply it (SPEC §11). Thrown as `Malformed` or `ValueCorrupted` the reason is
 * typed; anything else counts as a bug. So decode what you have encoded yourself, and refuse what a
 * user may have got wrong before you propose it.
 */
import * as Context from "effect/Context"
import type { ValueReader, ValueStore } from "../domain/machine/ValueStore.ts"

export class StateMachine extends Context.Service<
  StateMachine,
  {
    /**
     * Applies one committed request and returns its result, which its proposer gets. Synchronous:
     * called per request. All it writes is one revision, and is stored whole or not at all.
     */
    readonly apply: (request: Uint8Array, store: ValueStore) => Uint8Array
    /** Answers a query without changing anything. What it throws is its caller's, and not fatal. */
    readonly read: (query: Uint8Array, store: ValueReader) => Uint8Array
  }
>()("sealog/StateMachine") {}
