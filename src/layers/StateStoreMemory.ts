/**
 * The memory twin of the state environment, on a {@link MemoryDisk}: atomic commits, ordered, some of
 * the last of which a crash may take.
 *
 * Proof: `test/contracts/StateStore.ts`, run by `test/layers/MemoryStores.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { invariant } from "../domain/Invariant.ts"
import { StateWriteFailure } from "../domain/state/Errors.ts"
import {
  assertKey,
  type Row,
  type StateReader,
  type StateTransaction,
  type Table
} from "../domain/state/StateTransaction.ts"
import { StateStore } from "../services/StateStore.ts"
import { type Change, keyText, type MemoryDisk } from "./MemoryDisk.ts"

const readerOf = (disk: MemoryDisk): StateReader => ({
  get: (table, key) => {
    assertKey(key)
    const value = disk.tables[table].get(keyText(key))
    return value === undefined ? undefined : Buffer.from(value)
  },
  range: (table, range) => disk.tables[table].range(range)
})

/** Writes go to an overlay, which reads inside the transaction look through. */
class Transaction implements StateTransaction {
  private readonly reader: StateReader
  private readonly changes = new Map<string, Change>()
  private isOpen = true

  constructor(reader: StateReader) {
    this.reader = reader
  }

  get committed(): ReadonlyArray<Change> {
    return [...this.changes.values()]
  }

  get(table: Table, key: Uint8Array): Uint8Array | undefined {
    const change = this.changes.get(`${table}\0${keyText(key)}`)
    if (change === undefined) return this.reader.get(table, key)
    return change.value === undefined ? undefined : Buffer.from(change.value)
  }

  range(table: Table, range: Parameters<StateReader["range"]>[1]): ReadonlyArray<Row> {
    const rows = new Map<string, Row>()
    for (const row of this.reader.range(table, { ...range, limit: undefined })) {
      rows.set(keyText(row.key), row)
    }
    for (const change of this.changes.values()) {
      if (change.table !== table || !isWithin(change.key, range)) continue
      if (change.value === undefined) rows.delete(change.key)
      else {
        const key = Buffer.from(change.key, "latin1")
        rows.set(change.key, { key, value: Buffer.from(change.value) })
      }
    }
    const inOrder = [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
    return range.limit === undefined ? inOrder : inOrder.slice(0, range.limit)
  }

  put(table: Table, key: Uint8Array, value: Uint8Array): void {
    assertKey(key)
    this.write({ table, key: keyText(key), value: Buffer.from(value) })
  }

  remove(table: Table, key: Uint8Array): void {
    assertKey(key)
    this.write({ table, key: keyText(key), value: undefined })
  }

  /** A transaction is used only by its own body. */
  end(): void {
    this.isOpen = false
  }

  private write(change: Change): void {
    invariant(this.isOpen, "a transaction is used only by its own body")
    this.changes.set(`${change.table}\0${change.key}`, change)
  }
}

const isWithin = (key: string, { from, until }: Parameters<StateReader["range"]>[1]): boolean =>
  (from === undefined || key >= keyText(from)) && (until === undefined || key < keyText(until))

function make({ disk }: { readonly disk: MemoryDisk }): StateStore["Service"] {
  const reader = readerOf(disk)
  const { opening } = disk
  let failure: StateWriteFailure | undefined
  let isTransacting = false

  /** Why nothing more may be written, if so. */
  const refusal = (operation: string): StateWriteFailure | undefined => {
    if (failure === undefined && disk.opening !== opening) {
      const cause = new Error("the disk has crashed since it was opened")
      failure = new StateWriteFailure({ operation, cause })
    }
    return failure
  }

  const run = <A>(body: (transaction: StateTransaction) => A) => {
    invariant(!isTransacting, "transactions do not nest")
    const transaction = new Transaction(reader)
    isTransacting = true
    try {
      return { result: body(transaction), changes: transaction.committed }
    } finally {
      transaction.end()
      isTransacting = false
    }
  }

  return {
    reader,
    transact: (body) => {
      const refused = refusal("commit")
      if (refused !== undefined) throw refused
      const { changes, result } = run(body)
      if (disk.nextStateFault !== undefined) {
        failure = new StateWriteFailure({ operation: "commit", cause: disk.nextStateFault })
        throw failure
      }
      disk.commit(changes)
      return result
    },
    flush: Effect.suspend(() => {
      const refused = refusal("flush")
      if (refused !== undefined) return Effect.fail(refused)
      disk.flush()
      return Effect.void
    })
  }
}

export const layer = (options: { readonly disk: MemoryDisk }) =>
  Layer.sync(StateStore, () => make(options))
