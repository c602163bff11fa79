/**
 * A transaction of a store that can read and commit, but not roll back: its writes are changes over
 * what it reads, and are the store's to commit once its body has returned.
 *
 * What must never happen here: a use after the body, when nobody would commit it.
 * Proof: `test/contracts/StateStore.ts`.
 */
import { invariant } from "../Invariant.ts"
import { Changes, keyText, readerOver } from "./Changes.ts"
import {
  assertKey,
  type KeyRange,
  type Row,
  type StateReader,
  type StateTransaction,
  type Table
} from "./StateTransaction.ts"

export class OverlayTransaction implements StateTransaction {
  readonly changes = new Changes()
  private readonly reader: StateReader
  private isOpen = true

  /** `below`: commits that lie over `base`, the newest first. */
  constructor(base: StateReader, below: ReadonlyArray<Changes>) {
    const layers = [this.changes, ...below]
    this.reader = readerOver(base, () => layers)
  }

  get(table: Table, key: Uint8Array): Uint8Array | undefined {
    return this.reader.get(table, key)
  }

  range(table: Table, range: KeyRange): ReadonlyArray<Row> {
    return this.reader.range(table, range)
  }

  put(table: Table, key: Uint8Array, value: Uint8Array): void {
    this.change(table, key, value)
  }

  remove(table: Table, key: Uint8Array): void {
    this.change(table, key, undefined)
  }

  /** The body has returned or thrown. */
  end(): void {
    this.isOpen = false
  }

  private change(table: Table, key: Uint8Array, value: Uint8Array | undefined): void {
    assertKey(key)
    invariant(this.isOpen, "a transaction is used only by its own body")
    this.changes.set(table, keyText(key), { key, value })
  }
}

/** How a store begins a transaction, and what it does with the changes of one that has succeeded. */
export interface Committing {
  readonly begin: () => OverlayTransaction
  readonly commit: (changes: Changes) => void
}

/** `StateStore.transact`: one transaction at a time, and nothing of one whose body throws. */
export function makeTransact({ begin, commit }: Committing) {
  let isTransacting = false
  return <A>(body: (transaction: StateTransaction) => A): A => {
    invariant(!isTransacting, "transactions do not nest")
    const transaction = begin()
    isTransacting = true
    try {
      const result = body(transaction)
      commit(transaction.changes)
      return result
    } finally {
      transaction.end()
      isTransacting = false
    }
  }
}
