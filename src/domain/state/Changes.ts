/**
 * Changes of the state's tables that lie over what they change: a transaction under way, or commits
 * that are not on disk yet.
 *
 * What must never happen here: a key that a change removed and a reader still finds, one read as it
 * was before the newest change, or a range that copies the state for the sake of a few rows.
 * Proof: `Changes.test.ts`, against a map and a base that counts.
 */
import { invariant } from "../Invariant.ts"
import * as Limits from "../Limits.ts"
import {
  assertKey,
  behind,
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

/** The position of the text in a list that is in order, or where it would stand. */
export function positionIn(inOrder: ReadonlyArray<string>, text: string): number {
  let low = 0
  let high = inOrder.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (inOrder[middle]! < text) low = middle + 1
    else high = middle
  }
  return low
}

/** What becomes of a key; `value` is `undefined` if it is removed. */
export interface Change {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

/** A change and the text of its key. */
type Changed = readonly [text: string, change: Change]

/** Mutable; the changes of one table, whose keys are put in order when a range asks for it. */
class TableChanges {
  readonly byText = new Map<string, Change>()
  private readonly texts: Array<string> = []
  private isInOrder = true

  set(text: string, change: Change): void {
    if (!this.byText.has(text)) {
      this.texts.push(text)
      this.isInOrder = false
    }
    this.byText.set(text, change)
  }

  within({ from, until }: KeyRange): Iterable<Changed> | undefined {
    // What is in order already is one run to the sort: the few keys that are new cost one pass.
    if (!this.isInOrder) this.texts.sort()
    this.isInOrder = true
    const first = from === undefined ? 0 : positionIn(this.texts, keyText(from))
    const end = until === undefined ? this.texts.length : positionIn(this.texts, keyText(until))
    return first < end ? this.between(first, end) : undefined
  }

  private *between(first: number, end: number): Generator<Changed> {
    for (let at = first; at < end; at++) {
      const text = this.texts[at]!
      yield [text, this.byText.get(text)!]
    }
  }
}

/** Mutable; the newest change of each key. Keeps the bytes it is given and never changes them. */
export class Changes {
  private readonly byTable = new Map<Table, TableChanges>()
  private byteCount = 0

  /** Keys and values held. */
  get bytes(): number {
    return this.byteCount
  }

  get isEmpty(): boolean {
    return this.byTable.size === 0
  }

  find(table: Table, text: string): Change | undefined {
    return this.byTable.get(table)?.byText.get(text)
  }

  set(table: Table, text: string, change: Change): void {
    let changes = this.byTable.get(table)
    if (changes === undefined) {
      changes = new TableChanges()
      this.byTable.set(table, changes)
    }
    this.byteCount += bytesOf(change) - bytesOf(changes.byText.get(text))
    changes.set(text, change)
  }

  /** Adds what was changed after these. */
  add(later: Changes): void {
    for (const [table, changes] of later.byTable) {
      for (const [text, change] of changes.byText) this.set(table, text, change)
    }
  }

  forEach(visit: (table: Table, text: string, change: Change) => void): void {
    for (const table of tables) {
      for (const [text, change] of this.byTable.get(table)?.byText ?? []) visit(table, text, change)
    }
  }

  /**
   * The changes of keys in `[from, until)`, in order; `undefined` if there are none. To be read before
   * anything else is changed.
   */
  within(table: Table, range: KeyRange): Iterable<Changed> | undefined {
    return this.byTable.get(table)?.within(range)
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
    const changed = layers()
      .map((changes) => changes.within(table, range))
      .filter((changes) => changes !== undefined)
    if (changed.length === 0) return base.range(table, range)
    const entries = over(copied(changed.reduce(over)), rowsOf(base, table, range))
    return taken(found(entries), range)
  }
})

/**
 * Both in order, as one; of a key in both, what the upper says. Neither is asked for more than is
 * taken, and one key to compare with.
 */
function* over(upper: Iterable<Changed>, lower: Iterable<Changed>): Generator<Changed> {
  const rest = lower[Symbol.iterator]()
  let below = rest.next()
  for (const above of upper) {
    while (!below.done && below.value[0] < above[0]) {
      yield below.value
      below = rest.next()
    }
    yield above
    if (!below.done && below.value[0] === above[0]) below = rest.next()
  }
  while (!below.done) {
    yield below.value
    below = rest.next()
  }
}

/** As bytes that the caller may keep. */
function* copied(changed: Iterable<Changed>): Generator<Changed> {
  for (const [text, { key, value }] of changed) {
    yield [text, { key: Buffer.from(key), value: value && Buffer.from(value) }]
  }
}

function* found(entries: Iterable<Changed>): Generator<Row> {
  for (const [, { key, value }] of entries) {
    if (value !== undefined) yield { key, value }
  }
}

/** A page of the base, in bytes, which bounds what is copied for nothing; and in rows. */
const pageBytesMax = 256 * Limits.kibibyte
const pageRowsMax = 1024
/** Of the page behind the first, which is asked for if changes hide some of the first; then it doubles. */
const secondPageRows = 4

/**
 * The rows of the base, read page by page as they are taken. The pages need not be of one moment: a
 * commit that reaches the disk between two of them is among the changes over both.
 */
function* rowsOf(base: StateReader, table: Table, range: KeyRange): Generator<Changed> {
  const bytesMax = Math.min(range.bytesMax ?? pageBytesMax, pageBytesMax)
  let { from } = range
  let limit = Math.min(range.limit ?? pageRowsMax, pageRowsMax)
  for (let next = secondPageRows; ; next = Math.min(2 * next, pageRowsMax)) {
    const page = base.range(table, { from, until: range.until, limit, bytesMax })
    // One that is short may have been full of bytes: only an empty one is the end.
    const last = page.at(-1)
    if (last === undefined) return
    const goesOn = from === undefined || Buffer.compare(page[0]!.key, from) >= 0
    invariant(goesOn, "a range begins where it was asked to begin")
    for (const row of page) yield [keyText(row.key), row]
    from = behind(last.key)
    limit = next
  }
}
