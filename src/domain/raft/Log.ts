/**
 * A member's log: what the store holds, followed by the tail that the store has not written yet.
 *
 * The two cursors only grow: `applied ≤ committed ≤ lastIndex`. The tail may also overlap the store:
 * a leader of a later term replaces entries, and until the driver has written the replacement the
 * tail is what counts.
 *
 * What must never happen: a change at or below `committed`. Proof: `Log.test.ts`.
 */
import type { LogIndex, Term } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import * as Entry from "./Entry.ts"
import type { LogReader } from "./LogReader.ts"
import * as Position from "./Position.ts"
import type { Snapshot } from "./Snapshot.ts"

export class Log {
  private readonly reader: LogReader
  /** The last index known to be durable on a quorum. */
  private committedIndex: LogIndex
  /** The last index the state machine has taken in. */
  private appliedIndex: LogIndex
  /** Entries that are not known to be in the store; the first one has index `tailFrom`. */
  private tail: Array<Entry.Entry> = []
  private tailFrom: LogIndex
  /** A snapshot the driver has still to install; everything in the store is void once it exists. */
  private snapshotToInstall: Snapshot | undefined = undefined

  constructor(reader: LogReader) {
    this.reader = reader
    this.committedIndex = Position.before(reader.firstIndex())
    this.appliedIndex = this.committedIndex
    this.tailFrom = Position.after(reader.lastIndex())
  }

  get committed(): LogIndex {
    return this.committedIndex
  }

  get applied(): LogIndex {
    return this.appliedIndex
  }

  get firstIndex(): LogIndex {
    const snapshot = this.snapshotToInstall
    return snapshot === undefined ? this.reader.firstIndex() : Position.after(snapshot.index)
  }

  get lastIndex(): LogIndex {
    return Position.plus(this.tailFrom, this.tail.length - 1)
  }

  get last(): Position.Position {
    const index = this.lastIndex
    const term = this.term(index)
    invariant(term !== undefined, "the term of the last entry is always known")
    return { term, index }
  }

  get lastCommitted(): Position.Position {
    const term = this.term(this.committedIndex)
    invariant(term !== undefined, "the last committed entry is there, or in the snapshot")
    return { term, index: this.committedIndex }
  }

  /** `undefined` if the entry is compacted, or beyond the end. */
  term(index: LogIndex): Term | undefined {
    if (index >= this.tailFrom) return this.tail[index - this.tailFrom]?.term
    const snapshot = this.snapshotToInstall
    if (snapshot !== undefined) return snapshot.index === index ? snapshot.term : undefined
    return this.reader.term(index)
  }

  /** Does this log hold that very entry? */
  matches(position: Position.Position): boolean {
    return this.term(position.index) === position.term
  }

  /** May a candidate whose log ends at `last` lead this member? */
  isUpToDate(last: Position.Position): boolean {
    return Position.isAtLeast(last, this.last)
  }

  /** The entries from `from` on, as many as fit in `bytesMax`; `undefined` if `from` is compacted. */
  entriesFrom(from: LogIndex, bytesMax: number): ReadonlyArray<Entry.Entry> | undefined {
    return from > this.lastIndex ? [] : this.slice(from, Position.after(this.lastIndex), bytesMax)
  }

  /** The entries of `[from, until)` that fit in `bytesMax`; `undefined` if `from` is compacted. */
  slice(from: LogIndex, until: LogIndex, bytesMax: number): ReadonlyArray<Entry.Entry> | undefined {
    invariant(from <= until, "a range of the log does not end before it starts")
    if (from < this.firstIndex) return undefined
    invariant(until <= Position.after(this.lastIndex), "a range of the log ends within it")
    if (from === until) return []
    if (from >= this.tailFrom) return Entry.prefixWithin(this.tailSlice(from, until), bytesMax)
    const storedUntil = Position.smaller(until, this.tailFrom)
    const stored = this.reader.entries(from, storedUntil, bytesMax)
    invariant(stored[0]?.index === from, "the store answers a range from its start")
    if (until <= this.tailFrom || stored.length < storedUntil - from) return stored
    return this.extendFromTail(stored, until, bytesMax)
  }

  /** Appends at the end, or in place of everything from the first of these entries on. */
  append(entries: ReadonlyArray<Entry.Entry>): void {
    const first = entries[0]
    if (first === undefined) return
    invariant(first.index > this.committedIndex, "a committed entry is never replaced")
    invariant(first.index <= Position.after(this.lastIndex), "the log has no gaps")
    if (first.index > this.lastIndex) {
      for (const entry of entries) this.tail.push(entry)
    } else if (first.index <= this.tailFrom) {
      this.tail = [...entries]
      this.tailFrom = first.index
    } else {
      this.tail = [...this.tail.slice(0, first.index - this.tailFrom), ...entries]
    }
  }

  /**
   * A leader's append: the index of its last entry if the log holds `previous`, and then all of its
   * entries; else `undefined` and no change. Entries that are already there stay, also those after
   * them: a late, shorter append must not cut what a later one has brought.
   */
  appendAfter(
    previous: Position.Position,
    entries: ReadonlyArray<Entry.Entry>
  ): LogIndex | undefined {
    if (!this.matches(previous)) return undefined
    entries.forEach((entry, offset) => {
      invariant(entry.index === previous.index + 1 + offset, "an append has no gaps")
    })
    const known = entries.findIndex((entry) => !this.matches(entry))
    if (known >= 0) this.append(entries.slice(known))
    return Position.plus(previous.index, entries.length)
  }

  /**
   * The best guess where this log ends to agree with another, of which only one position is known:
   * the last index at or below it whose term is not above its term. A compacted index may agree and
   * is answered with term 0. Both sides use it, so that a probe skips a whole term at a time.
   */
  lastAgreement(other: Position.Position): Position.Position {
    for (let index = other.index; index > 0; index = Position.before(index)) {
      const term = this.term(index)
      if (term === undefined) return { term: Position.noTerm, index }
      if (term <= other.term) return { term, index }
    }
    return { term: Position.noTerm, index: Position.noIndex }
  }

  /** Raises the commit index; a lower one is old news. */
  commitThrough(index: LogIndex): void {
    if (index <= this.committedIndex) return
    invariant(index <= this.lastIndex, "what is committed is in the log: has the log been lost?")
    this.committedIndex = index
  }

  /** What the driver has still to write. */
  get toPersist(): ReadonlyArray<Entry.Entry> {
    return this.tail.slice()
  }

  get hasToPersist(): boolean {
    return this.tail.length > 0
  }

  /**
   * The store now holds the log up to this position. If the entry has been replaced meanwhile the
   * replacement is still to be written.
   */
  persistedThrough(position: Position.Position): void {
    const { index } = position
    if (index < this.tailFrom || !this.matches(position)) return
    this.tail = this.tail.slice(index + 1 - this.tailFrom)
    this.tailFrom = Position.after(index)
  }

  /** Replaces the whole log. The driver has to install the snapshot. */
  restore(snapshot: Snapshot): void {
    invariant(snapshot.index > this.committedIndex, "a snapshot never takes back a commit")
    this.tail = []
    this.tailFrom = Position.after(snapshot.index)
    this.committedIndex = snapshot.index
    this.snapshotToInstall = snapshot
  }

  get toInstall(): Snapshot | undefined {
    return this.snapshotToInstall
  }

  snapshotInstalled(index: LogIndex): void {
    if (this.snapshotToInstall?.index === index) this.snapshotToInstall = undefined
  }

  get hasToApply(): boolean {
    return this.snapshotToInstall === undefined && this.appliedIndex < this.committedIndex
  }

  /** The next committed entries, in order; none while a snapshot is to be installed before them. */
  toApply(bytesMax: number): ReadonlyArray<Entry.Entry> {
    if (!this.hasToApply) return []
    const entries = this.slice(
      Position.after(this.appliedIndex),
      Position.after(this.committedIndex),
      bytesMax
    )
    invariant(entries !== undefined, "an entry is compacted only after it was applied")
    return entries
  }

  appliedThrough(index: LogIndex): void {
    invariant(index >= this.appliedIndex, "entries are applied once and in order")
    invariant(index <= this.committedIndex, "only committed entries are applied")
    this.appliedIndex = index
  }

  private tailSlice(from: LogIndex, until: LogIndex): ReadonlyArray<Entry.Entry> {
    return this.tail.slice(from - this.tailFrom, until - this.tailFrom)
  }

  private extendFromTail(
    stored: ReadonlyArray<Entry.Entry>,
    until: LogIndex,
    bytesMax: number
  ): ReadonlyArray<Entry.Entry> {
    const bytesLeft = bytesMax - Entry.totalBytesOf(stored)
    const rest = Entry.prefixWithin(this.tailSlice(this.tailFrom, until), bytesLeft)
    return Entry.totalBytesOf(rest) > bytesLeft ? stored : [...stored, ...rest]
  }
}
