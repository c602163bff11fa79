/**
 * The key-value state machine: what a KV request means (SPEC §7).
 *
 * Deterministic, synchronous, and ignorant of encryption: it sees plain values through a
 * {@link ValueStore}. What must never happen: a transaction whose compares or gets see its own writes,
 * or that is done in part. Proof: `KvMachine.test.ts`, against a map.
 */
import * as Outcome from "effect/Result"
import { invariant } from "../Invariant.ts"
import * as Limits from "../Limits.ts"
import type { KeyRevisions, StoredValue, ValueReader, ValueStore } from "../machine/ValueStore.ts"
import * as Command from "./Command.ts"
import type * as KvResult from "./Result.ts"
import { encode } from "./Result.ts"
import * as Span from "./Span.ts"
import type { Compare, Operation, Operator, Txn } from "./Txn.ts"

/** Applies one request. Throws `Malformed`: another release wrote it, the node must stop. */
export function apply(request: Uint8Array, store: ValueStore): Uint8Array {
  const command = Outcome.getOrThrow(Command.decode(request))
  switch (command._tag) {
    case "Put":
      return encode({ _tag: "Written", revision: store.put(command.key, command.value) })
    case "Delete": {
      const deleted = store.remove(command.key)
      return encode({ _tag: "Deleted", revision: store.revision, deleted })
    }
    case "Txn":
      return encode(transact(command, store, (operation) => change(operation, store)))
    default:
      return encode(answer(command, store))
  }
}

/** Answers a request that only reads: another is a bug of the caller. Throws `Malformed`. */
export function read(query: Uint8Array, store: ValueReader): Uint8Array {
  const command = Outcome.getOrThrow(Command.decode(query))
  switch (command._tag) {
    case "Get":
    case "Range":
      return encode(answer(command, store))
    default:
      invariant(command._tag === "Txn" && Command.isReadOnly(command), "a query changes nothing")
      return encode(transact(command, store, () => false))
  }
}

function answer(command: Command.Get | Command.Range, store: ValueReader): KvResult.KvResult {
  if (command._tag === "Get") return get(command.key, store)
  const { continuation, limit, span } = command
  const bounds = Span.boundsOf(span, continuation)
  const page = store.range({ ...bounds, limit, bytesMax: Limits.answerBytesMax })
  return { _tag: "Entries", revision: store.revision, ...page }
}

function get(key: Uint8Array, store: Pick<ValueReader, "get">): KvResult.KeyResult {
  const found = store.get(key)
  return found === undefined ? { _tag: "NotFound" } : { _tag: "Found", found }
}

/**
 * Everything is read before anything is changed, so that nothing depends on the order within a
 * branch, and a transaction that is refused for what it reads has changed nothing.
 */
function transact(
  txn: Txn,
  store: ValueReader,
  change: (operation: Operation) => boolean
): KvResult.KvResult {
  const reads = new TxnReads(store)
  const succeeded = txn.compares.every((compare) => !reads.isTooLarge && holds(compare, reads))
  const branch = succeeded ? txn.onSuccess : txn.onFailure
  const read = readAll(branch, reads)
  if (reads.isTooLarge) return { _tag: "TxnReadTooLarge" }
  const changed = branch.map(change)
  const { revision } = store
  const results = branch.map(({ _tag }, at): KvResult.KeyResult => {
    if (_tag === "Put") return { _tag: "Written", revision }
    if (_tag === "Delete") return { _tag: "Deleted", revision, deleted: changed[at] === true }
    return read[at] ?? { _tag: "NotFound" }
  })
  return { _tag: "TxnDone", succeeded, revision, results }
}

/** Counts the values that a transaction opens: its answer, and the time it takes, are bounded. */
class TxnReads implements Pick<ValueReader, "get" | "revisionsOf"> {
  private readonly store: ValueReader
  private bytes = 0

  constructor(store: ValueReader) {
    this.store = store
  }

  get isTooLarge(): boolean {
    return this.bytes > Limits.answerBytesMax
  }

  get(key: Uint8Array): StoredValue | undefined {
    const found = this.store.get(key)
    if (found !== undefined) this.bytes += key.length + found.value.length
    return found
  }

  revisionsOf(key: Uint8Array): KeyRevisions | undefined {
    return this.store.revisionsOf(key)
  }
}

/** What the gets of a branch find, at their places; stops where it is too much. */
const readAll = (
  branch: ReadonlyArray<Operation>,
  reads: TxnReads
): ReadonlyArray<KvResult.KeyResult | undefined> =>
  branch.map(({ _tag, key }) => (_tag === "Get" && !reads.isTooLarge ? get(key, reads) : undefined))

/** Has it changed anything? */
function change(operation: Operation, store: ValueStore): boolean {
  switch (operation._tag) {
    case "Put":
      store.put(operation.key, operation.value)
      return true
    case "Delete":
      return store.remove(operation.key)
    case "Get":
      return false
  }
}

/** A key that is not there has revision 0, and no value: that differs from every one. */
function holds(compare: Compare, reads: TxnReads): boolean {
  const { _tag, key } = compare
  switch (_tag) {
    case "Exists":
      return (reads.revisionsOf(key) !== undefined) === compare.exists
    case "Revision": {
      const revision = reads.revisionsOf(key)?.revision ?? 0
      return isOrdered(revision - compare.revision, compare.operator)
    }
    case "Value": {
      const found = reads.get(key)
      if (found === undefined) return compare.operator === "notEqual"
      return isOrdered(Buffer.compare(found.value, compare.value), compare.operator)
    }
  }
}

/** `sign` is that of what is stored minus what is named. */
function isOrdered(sign: number, operator: Operator): boolean {
  switch (operator) {
    case "equal":
      return sign === 0
    case "notEqual":
      return sign !== 0
    case "less":
      return sign < 0
    case "greater":
      return sign > 0
  }
}
