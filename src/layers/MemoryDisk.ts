/**
 * The disk of a node that has none: what the memory stores write to, and what survives a crash.
 *
 * It outlives the layers over it, so that a test can crash a node and open it again. It holds the
 * same bytes as the files would, checksums included. Its crash model is that of SPEC §8: the log keeps
 * every write that has returned; the state keeps some prefix of its commits that is at least what was
 * flushed. Deterministic: no time and no chance of its own.
 *
 * For tests of embedders too. They read what a thief of the disk would (`entries`, `tables`), slow it
 * down (`logWriteMillis`), break it (`nextLogFault`, `nextStateFault`), take its power (`crash`), and
 * open it again by building another node on it. The methods that write are the stores'.
 * Proof: `test/contracts/`, run by `test/layers/MemoryStores.test.ts`.
 */
import type { StateGeneration } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import { type Changes, keyText, positionIn } from "../domain/state/Changes.ts"
import {
  isEmptyRange,
  type KeyRange,
  type Row,
  type Table,
  tables,
  taken
} from "../domain/state/StateTransaction.ts"
import type { LogChanges } from "./LogEnvironment.ts"

/** One commit of either environment that reached the disk. */
export type JournalRecord =
  | { readonly environment: "log"; readonly changes: LogChanges }
  | { readonly environment: "state"; readonly changes: Changes }

/** The journal keeps the newest commits; a long simulation forgets the oldest. */
const journalRecordsMax = 10_000

/** Commits that wait for a flush at most; then everything is flushed, as the page cache would. */
const unflushedCommitsMax = 64

/** One table in key order. */
export class SortedTable {
  private readonly values = new Map<string, Buffer>()
  private keys: Array<string> = []

  get(key: string): Buffer | undefined {
    return this.values.get(key)
  }

  set(key: string, value: Buffer | undefined): void {
    const at = positionIn(this.keys, key)
    if (value === undefined) {
      if (this.values.delete(key)) this.keys.splice(at, 1)
      return
    }
    if (!this.values.has(key)) this.keys.splice(at, 0, key)
    this.values.set(key, value)
  }

  range(range: KeyRange): ReadonlyArray<Row> {
    if (isEmptyRange(range)) return []
    return taken(this.rows(range), range)
  }

  private *rows({ from, until }: KeyRange): Generator<Row> {
    const end = until === undefined ? this.keys.length : positionIn(this.keys, keyText(until))
    for (let at = from === undefined ? 0 : positionIn(this.keys, keyText(from)); at < end; at++) {
      const key = this.keys[at]!
      yield { key: Buffer.from(key, "latin1"), value: Buffer.from(this.values.get(key)!) }
    }
  }

  copy(): SortedTable {
    const copy = new SortedTable()
    copy.keys = [...this.keys]
    for (const [key, value] of this.values) copy.values.set(key, value)
    return copy
  }
}

export type Tables = Record<Table, SortedTable>

const emptyTables = (): Tables => ({
  kv: new SortedTable(),
  sidecar: new SortedTable(),
  writers: new SortedTable(),
  members: new SortedTable(),
  sessions: new SortedTable(),
  applied: new SortedTable()
})

/** One generation of the state. */
export class MemoryState {
  /** As its readers see it. */
  tables: Tables = emptyTables()
  /** What a crash leaves at least. */
  durableTables: Tables = emptyTables()
  unflushed: Array<Changes> = []

  /** Visible at once, whether it reaches the disk or not. */
  show(changes: Changes): void {
    write(this.tables, changes)
  }

  /** It has reached the disk, and may be lost until the next flush. */
  keep(changes: Changes): void {
    this.unflushed.push(changes)
    if (this.unflushed.length > unflushedCommitsMax) this.flush()
  }

  flush(): void {
    for (const changes of this.unflushed) write(this.durableTables, changes)
    this.unflushed = []
  }

  crash(keptCommits: number): void {
    this.unflushed = this.unflushed.slice(0, keptCommits)
    this.flush()
    this.tables = copyOf(this.durableTables)
  }
}

export const copyOf = (source: Tables): Tables => {
  const copy = emptyTables()
  for (const table of tables) copy[table] = source[table].copy()
  return copy
}

export class MemoryDisk {
  /**
   * The log, by index: `term(8) ‖ kind(1) ‖ data ‖ checksum(4)` each, durable as soon as it is here. A
   * test may damage one: the node then refuses to start, or halts when it gets there.
   */
  readonly entries = new Map<number, Buffer>()
  /** Small records of the log environment, by name: `hardState`, `formatVersion`. */
  readonly meta = new Map<string, Buffer>()
  /** Name, identity, boot count and epochs of the node; undefined before its first opening. */
  local: Buffer | undefined = undefined
  /** The states of this node, by generation: the one that counts, and those staged beside it. */
  private readonly states = new Map<StateGeneration, MemoryState>()
  /** Of the state that counts; as the log has said at the last opening or installation. */
  generation = 0 as StateGeneration
  /** Is it open? A disk has one opening at a time, as a directory has. */
  isOpen = false
  /** Goes up with every crash: a write of an earlier opening no longer reaches the disk. */
  opening = 0
  /** What `FreeSpaceMemory` reports; a test sets it, nothing counts it down. */
  freeBytes = Number.MAX_SAFE_INTEGER
  /** How long a write to the log takes, on Effect's clock: until then nothing is acknowledged. */
  logWriteMillis = 0
  /** The commits that reached the disk, oldest first; the newest 10,000. */
  readonly journal: Array<JournalRecord> = []
  /** The next write to the log fails with it, and every later one until a crash: the node halts. */
  nextLogFault: Error | undefined = undefined
  /** The same for commits of the state. */
  nextStateFault: Error | undefined = undefined

  /** The state as its readers see it; of `kv`: key → `flags(1) ‖ revisions(16) ‖ value or envelope`. */
  get tables(): Tables {
    return this.state.tables
  }

  set tables(tables: Tables) {
    this.state.tables = tables
  }

  /** What a crash leaves at least. */
  get durableTables(): Tables {
    return this.state.durableTables
  }

  /** Commits of the state that a crash may lose. */
  get unflushedCommits(): number {
    return this.state.unflushed.length
  }

  /** The generations that have a state on this disk. */
  get generations(): ReadonlyArray<StateGeneration> {
    return [...this.states.keys()]
  }

  /** Opens the state that counts; the others are removed. `false` if it is lost. */
  openState(generation: StateGeneration): boolean {
    this.generation = generation
    for (const other of this.generations) if (other !== generation) this.states.delete(other)
    return generation === 0 || this.states.has(generation)
  }

  /** An empty state beside the one that counts. */
  stageState(generation: StateGeneration): MemoryState {
    const state = new MemoryState()
    this.states.set(generation, state)
    return state
  }

  removeState(generation: StateGeneration): void {
    this.states.delete(generation)
  }

  /** Made by whoever asks for it first. */
  private get state(): MemoryState {
    return this.states.get(this.generation) ?? this.stageState(this.generation)
  }

  /** One atomic commit of the log environment, or the fault that kept it from the disk. */
  writeLog(opening: number, changes: LogChanges): Error | undefined {
    if (opening !== this.opening) return new Error("the disk has crashed since it was opened")
    if (this.nextLogFault !== undefined) return this.nextLogFault
    if (changes.remove !== undefined) {
      const { from, until } = changes.remove
      for (let index: number = from; index < until; index++) this.entries.delete(index)
    }
    for (const { index, record } of changes.entries) this.entries.set(index, record)
    for (const { name, record } of changes.records) {
      if (name === "local") this.local = record
      else this.meta.set(name, record)
    }
    this.record({ environment: "log", changes })
    return undefined
  }

  /** One atomic commit of the state, visible in any case; or the fault that keeps it from the disk. */
  commit(changes: Changes): Error | undefined {
    this.state.show(changes)
    if (this.nextStateFault !== undefined) return this.nextStateFault
    this.record({ environment: "state", changes })
    this.state.keep(changes)
    return undefined
  }

  /** Everything committed so far survives a crash. */
  flush(): void {
    this.state.flush()
  }

  /**
   * The power goes: of the commits that were not flushed the first `keptCommits` survive; of a state
   * that is staged, what was flushed. Faults are gone, and the disk can be opened again.
   */
  crash({ keptCommits }: { readonly keptCommits: number }): void {
    invariant(keptCommits <= this.unflushedCommits, "no more commits survive than there were")
    const counting = this.state
    for (const state of this.states.values()) state.crash(state === counting ? keptCommits : 0)
    this.nextLogFault = undefined
    this.nextStateFault = undefined
    this.isOpen = false
    this.opening += 1
  }

  private record(record: JournalRecord): void {
    this.journal.push(record)
    if (this.journal.length > journalRecordsMax) this.journal.shift()
  }
}

function write(target: Tables, changes: Changes): void {
  changes.forEach((table, text, { value }) => {
    target[table].set(text, value === undefined ? undefined : Buffer.from(value))
  })
}
