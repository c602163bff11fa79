/**
 * Changes of the state's tables that lie over what they change: a transaction under way, or commits
 * that are not on disk yet.
 *
 * What must never happen here: a key that a change removed and a reader still finds, or one read as
 * it was before the newest change. Proof: `Changes.test.ts`, against a map.
 */
import {
  assertKey,
  isEmptyRange,
  type KeyRange,
  type Row,
  type StateReader,
  type Table,
  tables,
  taken
} from "./StateTransaction.ts"

/** A key as a string of one character per byte: strings then have the order of unsigned bytes. */
export const keyText = (key: Uint8Array): string =>
  Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1")

/** What becomes of a key; `value` is `undefined` if it is removed. */
export interface Change {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

/** Mutable; the newest change of each key. Keeps the bytes it is given and never changes them. */
export class Changes {
  private readonly byTable = new Map<Table, Map<string, Change>>()
  private byteCount = 0

  /** Keys and values held. */
  get bytes(): number {
    return this.byteCount
  }

  get isEmpty(): boolean {
    return this.byTable.size === 0
  }

  find(table: Table, text: string): Change | undefined {
    return this.byTable.get(table)?.get(text)
  }

  set(table: Table, text: string, change: Change): void {
    let changes = this.byTable.get(table)
    if (changes === undefined) {
      changes = new Map()
      this.byTable.set(table, changes)
    }
    this.byteCount += bytesOf(change) - bytesOf(changes.get(text))
    changes.set(text, change)
  }

  /** Adds what was changed after these. */
  add(later: Changes): void {
    for (const [table, changes] of later.byTable) {
      for (const [text, change] of changes) this.set(table, text, change)
    }
  }

  forEach(visit: (table: Table, text: string, change: Change) => void): void {
    for (const table of tables) {
      for (const [text, change] of this.byTable.get(table) ?? []) visit(table, text, change)
    }
  }

  /** The keys of `[from, until)` that are changed, in no order. */
  within(table: Table, { from, until }: KeyRange): ReadonlyArray<readonly [string, Change]> {
    const changes = this.byTable.get(table)
    if (changes === undefined) return []
    const first = from === undefined ? "" : keyText(from)
    const end = until === undefined ? undefined : keyText(until)
    return [...changes].filter(([text]) => text >= first && (end === undefined || text < end))
  }
}

const bytesOf = (change: Change | undefined): number =>
  change === undefined ? 0 : change.key.length + (change.value?.length ?? 0)

/**
 * Reads `base` through the changes over it, the newest first in the list. The list is read at each
 * call, so that the same reader may serve while changes come and go.
 */
export const readerOver = (
  base: StateReader,
  layers: () => ReadonlyArray<Changes>
): StateReader => ({
  get: (table, key) => {
    assertKey(key)
    const text = keyText(key)
    for (const changes of layers()) {
      const change = changes.find(table, text)
      if (change !== undefined) {
        return change.value === undefined ? undefined : Buffer.from(change.value)
      }
    }
    return base.get(table, key)
  },
  range: (table, range) => {
    if (isEmptyRange(range)) return []
    const changed = new Map<string, Change>()
    for (const changes of layers().toReversed()) {
      for (const [text, change] of changes.within(table, range)) changed.set(text, change)
    }
    return changed.size === 0 ? base.range(table, range) : merged(base, table, range, changed)
  }
})

/** `base` is asked for as many rows more as the changes may hide. */
function merged(
  base: StateReader,
  table: Table,
  range: KeyRange,
  changed: ReadonlyMap<string, Change>
): ReadonlyArray<Row> {
  const { limit } = range
  // Which rows the bytes are counted of is known only when the changes are among them.
  const rows = new Map<string, Row>()
  const found = base.range(table, {
    ...range,
    bytesMax: undefined,
    limit: limit === undefined ? undefined : limit + changed.size
  })
  for (const row of found) rows.set(keyText(row.key), row)
  for (const [text, { key, value }] of changed) {
    if (value === undefined) rows.delete(text)
    else rows.set(text, { key: Buffer.from(key), value: Buffer.from(value) })
  }
  const inOrder = [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
  return taken(inOrder, range)
}
