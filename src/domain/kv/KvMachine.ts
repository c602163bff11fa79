/**
 * The key-value state machine: what a KV request means (SPEC §7).
 *
 * Deterministic, synchronous, and ignorant of encryption: it sees plain values through a
 * {@link ValueStore}. Proof: `KvMachine.test.ts`, against a map.
 */
import * as Outcome from "effect/Result"
import { Malformed } from "../bytes/Errors.ts"
import type { ValueReader, ValueStore } from "../machine/ValueStore.ts"
import * as Command from "./Command.ts"
import * as KvResult from "./Result.ts"

/** Applies one request. Throws `Malformed`: another release wrote it, the node must stop. */
export function apply(request: Uint8Array, store: ValueStore): Uint8Array {
  const command = Outcome.getOrThrow(Command.decode(request))
  return KvResult.encode(execute(command, store))
}

/** Answers a read-only request: whatever the request, nothing is written. Throws `Malformed`. */
export function read(query: Uint8Array, store: ValueReader): Uint8Array {
  const command = Outcome.getOrThrow(Command.decode(query))
  if (command._tag === "Range" || command._tag === "Txn") throw notExecutedYet()
  return KvResult.encode(get(command.key, store))
}

function execute(command: Command.Command, store: ValueStore): KvResult.KvResult {
  switch (command._tag) {
    case "Put":
      return { _tag: "Written", revision: store.put(command.key, command.value) }
    case "Delete": {
      const deleted = store.remove(command.key)
      return { _tag: "Deleted", revision: store.revision, deleted }
    }
    case "Get":
      return get(command.key, store)
    case "Range":
    case "Txn":
      throw notExecutedYet()
  }
}

/** Ranges and transactions have a format and no execution in this release. */
const notExecutedYet = () =>
  new Malformed({ format: "KV request", reason: "unknownTag", offset: 0 })

function get(key: Uint8Array, store: ValueReader): KvResult.KvResult {
  const found = store.get(key)
  return found === undefined ? { _tag: "NotFound" } : { _tag: "Found", found }
}
