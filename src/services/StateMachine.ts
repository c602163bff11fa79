/**
 * What applied requests mean. The KV machine is one; an embedder brings its own.
 *
 * **Invariants** (1) deterministic: no clock, randomness or I/O, everything from the arguments;
 * (2) refusals are results; a throw stops the node at that entry (SPEC §11).
 */
import * as Context from "effect/Context"
import type { ValueReader, ValueStore } from "../domain/machine/ValueStore.ts"

export class StateMachine extends Context.Service<
  StateMachine,
  {
    /** Applies one committed request and returns its result. Synchronous: called per request. */
    readonly apply: (request: Uint8Array, store: ValueStore) => Uint8Array
    /** Answers a query without changing anything. */
    readonly read: (query: Uint8Array, store: ValueReader) => Uint8Array
  }
>()("sealog/StateMachine") {}
