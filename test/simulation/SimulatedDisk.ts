/** A memory disk that tells what is written to it, and can lose its power in the middle of a write. */
import * as Result from "effect/Result"
import * as AppliedRecord from "../../src/domain/apply/AppliedRecord.ts"
import type { GroupId, StateGeneration } from "../../src/domain/Ids.ts"
import * as LocalRecord from "../../src/domain/log/LocalRecord.ts"
import * as SnapshotPointerRecord from "../../src/domain/log/SnapshotPointerRecord.ts"
import type { Changes } from "../../src/domain/state/Changes.ts"
import type { LogChanges } from "../../src/layers/LogEnvironment.ts"
import { MemoryDisk, type Tables } from "../../src/layers/MemoryDisk.ts"

export const groupId = 0 as GroupId

/** An entry as it was written; the checksum is of all of it. */
export interface Written {
  readonly term: number
  readonly checksum: number
}

export interface DiskWatch {
  /** Before it is known whether they get there. */
  readonly logGiven: (disk: SimulatedDisk, changes: LogChanges) => void
  /** `replaced`: what stood at an index that holds another entry now, or none. */
  readonly logChanged: (
    disk: SimulatedDisk,
    changes: LogChanges,
    replaced: ReadonlyMap<number, Written>
  ) => void
  readonly stateChanges: (disk: SimulatedDisk, changes: Changes) => void
  /** Something else than the last commit counts now. */
  readonly stateReplaced: (disk: SimulatedDisk) => void
}

export interface Tear {
  readonly isKept: boolean
  readonly onTorn: () => void
}

interface Synced {
  readonly beginsAfter: number
  readonly beginsAfterTerm: number
  readonly entries: ReadonlyMap<number, Buffer>
  readonly meta: ReadonlyMap<string, Buffer>
  readonly written: ReadonlyMap<number, Written>
}

export const writtenOf = (record: Uint8Array): Written => {
  const bytes = Buffer.from(record.buffer, record.byteOffset, record.length)
  return { term: bytes.readUIntBE(2, 6), checksum: bytes.readUInt32BE(bytes.length - 4) }
}

export const appliedIn = (tables: Tables): AppliedRecord.AppliedRecord | undefined => {
  const [row] = tables.applied.range({})
  return row === undefined ? undefined : Result.getOrThrow(AppliedRecord.decode(groupId, row.value))
}

export class SimulatedDisk extends MemoryDisk {
  readonly name: string
  /** What was written, whatever damage has come to it since. */
  readonly written = new Map<number, Written>()
  /** What the log begins after, and of which term that was. */
  beginsAfter = 0
  beginsAfterTerm = 0
  nextTear: Tear | undefined = undefined
  /** A bit of it was flipped, and not flipped back. */
  isDamaged = false
  /** Told when a fault has refused a write. */
  refused: () => void = () => {}
  /** The same, of those that its node must not outlive. */
  onRefused: () => void = () => {}
  /** The epochs of its node as they were, oldest first. */
  readonly epochCopies: Array<LocalRecord.LocalRecord["epochs"]> = []
  private readonly watch: DiskWatch
  private readonly isUnsynced: boolean
  /** All but the last write, of a disk that is planted to lose that. */
  private synced: Synced | undefined = undefined

  constructor(name: string, watch: DiskWatch, isUnsynced = false) {
    super()
    this.isUnsynced = isUnsynced
    this.name = name
    this.watch = watch
  }

  override writeLog(opening: number, changes: LogChanges): Error | undefined {
    if (opening === this.opening) this.watch.logGiven(this, changes)
    const tear = opening === this.opening ? this.nextTear : undefined
    if (tear?.isKept === false) return this.torn(tear)
    const fault =
      opening === this.opening && this.nextLogFault === undefined
        ? this.writeThrough(opening, changes)
        : super.writeLog(opening, changes)
    if (opening === this.opening && fault !== undefined) this.hasRefused()
    return tear === undefined ? fault : this.torn(tear)
  }

  override commit(changes: Changes): Error | undefined {
    this.watch.stateChanges(this, changes)
    const fault = super.commit(changes)
    if (fault !== undefined) this.hasRefused()
    return fault
  }

  override crash(options: { readonly keptCommits: number }): void {
    super.crash(options)
    this.loseUnsynced()
    this.nextTear = undefined
    this.refused = () => {}
    this.watch.stateReplaced(this)
  }

  override openState(generation: StateGeneration): boolean {
    const isOther = generation !== this.generation
    const isThere = super.openState(generation)
    if (isOther && isThere) this.watch.stateReplaced(this)
    return isThere
  }

  /** Of the entry at this index, or of where the log begins; 0 if neither is known. */
  termAt(index: number): number {
    if (index === this.beginsAfter) return this.beginsAfterTerm
    return this.written.get(index)?.term ?? 0
  }

  holds(index: number, term: number): boolean {
    const { beginsAfter, written } = this.synced ?? this
    return index <= beginsAfter || written.get(index)?.term === term
  }

  private hasRefused(): void {
    this.refused()
    this.refused = () => {}
    this.onRefused()
  }

  private writeThrough(opening: number, changes: LogChanges): Error | undefined {
    if (this.isUnsynced) this.keepSynced()
    const fault = super.writeLog(opening, changes)
    const replaced = new Map<number, Written>()
    const replace = (index: number, entry: Written | undefined) => {
      const before = this.written.get(index)
      if (before !== undefined && before.term !== entry?.term) replaced.set(index, before)
      if (entry === undefined) this.written.delete(index)
      else this.written.set(index, entry)
    }
    const { from, until } = changes.remove ?? { from: 0, until: 0 }
    for (let index: number = from; index < until; index++) replace(index, undefined)
    for (const { index, record } of changes.entries) replace(index, writtenOf(record))
    const local = changes.records.find(({ name }) => name === "local")
    if (local !== undefined) this.keepEpochs(local.record)
    const pointer = changes.records.find(({ name }) => name === "snapshotPointer")
    if (pointer !== undefined) {
      const decoded = SnapshotPointerRecord.decode(groupId, pointer.record)
      const { index, term } = Result.getOrThrow(decoded)
      this.beginsAfter = index
      this.beginsAfterTerm = term
    }
    this.watch.logChanged(this, changes, replaced)
    return fault
  }

  private keepEpochs(record: Uint8Array): void {
    const { epochs } = Result.getOrThrow(LocalRecord.decode(groupId, record))
    const isNew = [...epochs].some(
      ([keyId, epoch]) => this.epochCopies.at(-1)?.get(keyId) !== epoch
    )
    if (isNew || this.epochCopies.length === 0) this.epochCopies.push(epochs)
  }

  private keepSynced(): void {
    const { beginsAfter, beginsAfterTerm, entries, meta, written } = this
    this.synced = {
      beginsAfter,
      beginsAfterTerm,
      entries: new Map(entries),
      meta: new Map(meta),
      written: new Map(written)
    }
  }

  private loseUnsynced(): void {
    if (this.synced === undefined) return
    this.beginsAfter = this.synced.beginsAfter
    this.beginsAfterTerm = this.synced.beginsAfterTerm
    for (const part of ["entries", "meta", "written"] as const) {
      const target: Map<unknown, unknown> = this[part]
      target.clear()
      for (const [key, value] of this.synced[part]) target.set(key, value)
    }
    this.synced = undefined
  }

  private torn(tear: Tear): Error {
    this.nextTear = undefined
    this.nextLogFault = new Error("the power went in the middle of a write")
    tear.onTorn()
    return this.nextLogFault
  }
}
