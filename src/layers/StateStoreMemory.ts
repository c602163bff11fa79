/**
 * The memory twin of the state environment, on a {@link MemoryDisk}: atomic commits, ordered, some of
 * the last of which a crash may take.
 *
 * Proof: `test/contracts/StateStore.ts`, run by `test/layers/MemoryStores.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { StateWriteFailure } from "../domain/state/Errors.ts"
import type { Row, StateReader, StateTransaction, Table } from "../domain/state/StateTransaction.ts"
import { StateStore } from "../services/StateStore.ts"
import { type Change, keyText, type MemoryDisk } from "./MemoryDisk.ts"

const readerOf = (disk: MemoryDisk): StateReader => ({
  get: (table, key) => {
    const value = disk.tables[table].get(keyText(key))
    return value === undefined ? undefined : Buffer.from(value)
  },
  range: (table, range) => disk.tables[table].range(range)
})

/** Writes go to an overlay, which reads inside the transaction look through. */
class Transaction implements StateTransaction {
  private readonly reader: StateReader
  private readonly changes = new Map<string, Change>()

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
    this.write({ table, key: keyText(key), value: Buffer.from(value) })
  }

  remove(table: Table, key: Uint8Array): void {
    this.write({ table, key: keyText(key), value: undefined })
  }

  private write(change: Change): void {
    this.changes.set(`${change.table}\0${change.key}`, change)
  }
}

const isWithin = (key: string, { from, until }: Parameters<StateReader["range"]>[1]): boolean =>
  (from === undefined || key >= keyText(from)) && (until === undefined || key < keyText(until))

function make({ disk }: { readonly disk: MemoryDisk }): StateStore["Service"] {
  const reader = readerOf(disk)
  let failure: StateWriteFailure | undefined
  return {
    reader,
    transact: (body) => {
      if (failure !== undefined) throw failure
      const transaction = new Transaction(reader)
      const result = body(transaction)
      if (disk.nextStateFault !== undefined) {
        failure = new StateWriteFailure({ operation: "commit", cause: disk.nextStateFault })
        throw failure
      }
      disk.commit(transaction.committed)
      return result
    },
    flush: Effect.suspend(() => {
      if (failure !== undefined) return Effect.fail(failure)
      disk.flush()
      return Effect.void
    })
  }
}

export const layer = (options: { readonly disk: MemoryDisk }) =>
  Layer.sync(StateStore, () => make(options))
