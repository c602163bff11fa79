/** A log store in memory for the tests of the core: what a driver would have written. */
import type { LogIndex, Term } from "../../../../src/domain/Ids.ts"
import { invariant } from "../../../../src/domain/Invariant.ts"
import { type Entry, prefixWithin } from "../../../../src/domain/raft/Entry.ts"
import * as HardState from "../../../../src/domain/raft/HardState.ts"
import type { InitialState, LogReader } from "../../../../src/domain/raft/LogReader.ts"
import * as Membership from "../../../../src/domain/raft/Membership.ts"
import type { Snapshot } from "../../../../src/domain/raft/Snapshot.ts"

export class MemoryLog implements LogReader {
  hardState: HardState.HardState = HardState.initial
  membership: Membership.Membership
  /** What `snapshot()` answers; by default what the log starts with. */
  snapshotToSend: () => Snapshot | undefined = () => this.base
  private stored: ReadonlyArray<Entry> = []
  /** What stands for everything before the first entry. */
  private base: Snapshot | undefined = undefined
  private baseIndex = 0
  private baseTerm = 0 as Term

  constructor(membership: Membership.Membership = Membership.empty) {
    this.membership = membership
  }

  initialState(): InitialState {
    return { hardState: this.hardState, membership: this.membership }
  }

  firstIndex(): LogIndex {
    return (this.baseIndex + 1) as LogIndex
  }

  lastIndex(): LogIndex {
    return (this.baseIndex + this.stored.length) as LogIndex
  }

  term(index: LogIndex): Term | undefined {
    return index === this.baseIndex ? this.baseTerm : this.at(index)?.term
  }

  entries(from: LogIndex, until: LogIndex, bytesMax: number): ReadonlyArray<Entry> {
    invariant(from >= this.firstIndex(), "the range starts within the log")
    invariant(until <= this.lastIndex() + 1, "the range ends within the log")
    return prefixWithin(
      this.stored.slice(from - this.baseIndex - 1, until - this.baseIndex - 1),
      bytesMax
    )
  }

  snapshot(): Snapshot | undefined {
    return this.snapshotToSend()
  }

  /** Everything that is stored. */
  all(): ReadonlyArray<Entry> {
    return this.stored
  }

  /** Replaces everything from the first of these entries on. */
  append(entries: ReadonlyArray<Entry>): void {
    const first = entries[0]
    if (first === undefined) return
    invariant(first.index <= this.lastIndex() + 1, "the log has no gaps")
    invariant(first.index > this.baseIndex, "what is compacted is not written again")
    this.stored = [...this.stored.slice(0, first.index - this.baseIndex - 1), ...entries]
  }

  /** Drops every entry up to and including `index`. */
  compactThrough(index: LogIndex): void {
    const term = this.at(index)?.term
    invariant(term !== undefined, "only entries of the log are compacted")
    this.stored = this.stored.slice(index - this.baseIndex)
    this.baseIndex = index
    this.baseTerm = term
  }

  /** Replaces the whole log. */
  install(snapshot: Snapshot): void {
    this.base = snapshot
    this.baseIndex = snapshot.index
    this.baseTerm = snapshot.term
    this.stored = []
    this.membership = snapshot.membership
  }

  /** The same content, independent of later writes: what a disk holds after a crash. */
  copy(): MemoryLog {
    const copy = new MemoryLog(this.membership)
    copy.become(this)
    return copy
  }

  /** Takes over the content of another log. */
  become(other: MemoryLog): void {
    this.hardState = other.hardState
    this.stored = other.stored
    this.base = other.base
    this.baseIndex = other.baseIndex
    this.baseTerm = other.baseTerm
  }

  private at(index: LogIndex): Entry | undefined {
    return this.stored[index - this.baseIndex - 1]
  }
}
