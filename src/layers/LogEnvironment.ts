/**
 * The Raft log store and the local store, over any tables that commit atomically (SPEC §8).
 *
 * Why it exists: what must hold of a log on disk (checksums, no gap, one failure is final, the cursor
 * moves with the write) is decided here once, so the LMDB store and its memory twin cannot disagree;
 * a backend only keeps bytes. What must never happen here: an entry answered that its checksum does
 * not vouch for, a damaged or missing one answered as "end of log", a cursor ahead of the disk, a
 * write tried again after one failed.
 * Proof: `test/contracts/RaftLogStore.ts` and `test/contracts/LocalStore.ts`, against both backends.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { GroupId, LogIndex, Term } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import * as EntryRecord from "../domain/log/EntryRecord.ts"
import { LogCorrupted, LogWriteFailure, RecordCorrupted } from "../domain/log/Errors.ts"
import * as HardStateRecord from "../domain/log/HardStateRecord.ts"
import * as LocalRecord from "../domain/log/LocalRecord.ts"
import * as SnapshotPointer from "../domain/log/SnapshotPointer.ts"
import * as SnapshotPointerRecord from "../domain/log/SnapshotPointerRecord.ts"
import * as Entry from "../domain/raft/Entry.ts"
import * as HardState from "../domain/raft/HardState.ts"
import * as Position from "../domain/raft/Position.ts"
import { FormatVersionUnknown } from "../domain/state/Errors.ts"
import * as FormatVersion from "../domain/state/FormatVersion.ts"
import { LocalStore } from "../services/LocalStore.ts"
import { type LogWrite, RaftLogStore } from "../services/RaftLogStore.ts"
import * as LogBeginning from "./LogBeginning.ts"
import { Cursor } from "./LogBeginning.ts"

/** The single records: of table `local` the local one, of table `meta` the others. */
export type RecordName = "formatVersion" | "hardState" | "snapshotPointer" | "local"

/** One commit, all or nothing. */
export interface LogChanges {
  /** For the journal and for errors. */
  readonly operation: string
  /** Entries of `[from, until)` are removed. Applied before `entries`. */
  readonly remove: { readonly from: LogIndex; readonly until: LogIndex } | undefined
  /** Ascending; the backend takes ownership of the bytes. */
  readonly entries: ReadonlyArray<{ readonly index: LogIndex; readonly record: Buffer }>
  /** Applied last. */
  readonly records: ReadonlyArray<{ readonly name: RecordName; readonly record: Buffer }>
}

/** What a backend is: bytes under keys. Reads are synchronous and answer the last commit. */
export interface LogTables {
  /** The bytes belong to the caller. */
  readonly entry: (index: LogIndex) => Uint8Array | undefined
  /** The first and the last index and how many entries there are; `undefined` if there is none. */
  readonly extent: () =>
    | {
        readonly first: LogIndex
        readonly last: LogIndex
        readonly count: number
        /** What they take, about. */
        readonly bytes: number
      }
    | undefined
  /** The bytes belong to the caller. */
  readonly record: (name: RecordName) => Uint8Array | undefined
  /** Issues everything in one synchronous turn; returns when it is durable. */
  readonly commit: (changes: LogChanges) => Effect.Effect<void, unknown>
}

/** What opening a log can find. */
export type OpenFailure = FormatVersionUnknown | LogCorrupted | RecordCorrupted | LogWriteFailure

/** Checks what is on disk and gives the two services of it. */
export const make = Effect.fnUntraced(function* (groupId: GroupId, tables: LogTables) {
  const writer = makeWriter(tables)
  if (yield* refusing(() => isNew(groupId, tables))) {
    yield* writer.commit({
      operation: "create",
      remove: undefined,
      entries: [],
      records: [{ name: "formatVersion", record: FormatVersion.encode("log", groupId) }]
    })
  }
  yield* removeReplaced(groupId, tables, writer)
  const { store, write } = yield* refusing(() => makeRaftLogStore(groupId, tables, writer))
  return Context.make(RaftLogStore, store).pipe(
    Context.add(LocalStore, makeLocalStore(groupId, tables, { ...writer, write }))
  )
})

interface Writer {
  readonly commit: (changes: LogChanges) => Effect.Effect<void, LogWriteFailure>
}

/** Uninterruptible commits; the first failure is the answer to every later one. */
function makeWriter(tables: LogTables): Writer {
  let failure: LogWriteFailure | undefined
  return {
    commit: (changes) =>
      Effect.uninterruptible(
        Effect.suspend(() => {
          if (failure !== undefined) return Effect.fail(failure)
          return Effect.mapError(tables.commit(changes), (cause) => {
            failure ??= new LogWriteFailure({ operation: changes.operation, cause })
            return failure
          })
        })
      )
  }
}

function isNew(groupId: GroupId, tables: LogTables): boolean {
  const record = tables.record("formatVersion")
  const isEmpty =
    tables.extent() === undefined &&
    tables.record("hardState") === undefined &&
    tables.record("snapshotPointer") === undefined &&
    tables.record("local") === undefined
  if (record === undefined && isEmpty) return true
  Result.getOrThrow(FormatVersion.check("log", groupId, record))
  return false
}

/** The store, and how it writes: beside the log also the local record, of a founding. */
function makeRaftLogStore(
  groupId: GroupId,
  tables: LogTables,
  writer: Writer
): { readonly store: RaftLogStore["Service"]; readonly write: WriteLog } {
  const cursor = openCursor(groupId, tables)
  let isPersisting = false

  const read = (index: LogIndex): Entry.Entry => readEntry(groupId, tables, index)

  const term = (index: LogIndex): Term | undefined => {
    if (index === Position.before(cursor.first)) return cursor.pointer.term
    return index < cursor.first || index > cursor.last ? undefined : read(index).term
  }

  const entries = (from: LogIndex, until: LogIndex, bytesMax: number) => {
    invariant(
      cursor.first <= from && from <= until && until <= Position.after(cursor.last),
      "entries are read within the log"
    )
    const found: Array<Entry.Entry> = []
    let bytes = 0
    for (let index = from; index < until; index = Position.after(index)) {
      const entry = read(index)
      bytes += Entry.bytesOf(entry)
      if (bytes > bytesMax && found.length > 0) break
      found.push(entry)
    }
    return found
  }

  /** The one write of the one writer. */
  const alone = <A, E>(write: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      invariant(!isPersisting, "the log has one writer, which waits for each write")
      isPersisting = true
      const end = Effect.sync(() => {
        isPersisting = false
      })
      return Effect.uninterruptible(Effect.ensuring(write, end))
    })

  const write: WriteLog = (logWrite, beside = []) =>
    Effect.suspend(() => {
      const { changes: ofLog, last } = changesOf(groupId, logWrite, cursor)
      const changes = { ...ofLog, records: [...ofLog.records, ...beside] }
      if (changes.entries.length === 0 && changes.records.length === 0) return Effect.void
      const moveCursor = Effect.sync(() => {
        const replaced =
          cursor.last - (changes.entries[0]?.index ?? Position.after(cursor.last)) + 1
        cursor.forget(Math.max(0, replaced))
        cursor.bytes += bytesOf(changes)
        cursor.last = last
      })
      return alone(Effect.andThen(writer.commit(changes), moveCursor))
    })

  const hardState = () => readHardState(groupId, tables)
  const { commit } = writer
  const beginning = LogBeginning.make({ groupId, cursor, commit, term, hardState })

  const store: RaftLogStore["Service"] = {
    reader: {
      firstIndex: () => cursor.first,
      lastIndex: () => cursor.last,
      term,
      entries
    },
    hardState,
    persist: (logWrite) => write(logWrite),
    bytes: () => cursor.bytes,
    snapshotPointer: () => cursor.pointer,
    compact: beginning.compact,
    install: (installation) => alone(beginning.install(installation))
  }
  return { store, write }
}

/** One commit of the log, and of records beside it. */
type WriteLog = (
  write: LogWrite,
  beside?: LogChanges["records"]
) => Effect.Effect<void, LogWriteFailure>

function makeLocalStore(
  groupId: GroupId,
  tables: LogTables,
  { commit, write }: Writer & { readonly write: WriteLog }
): LocalStore["Service"] {
  const recordOf = (record: LocalRecord.LocalRecord) => {
    invariant(record.groupId === groupId, "a local record stays in the log of its group")
    return { name: "local", record: LocalRecord.encode(record) } as const
  }
  return {
    read: () => {
      const record = tables.record("local")
      return record === undefined
        ? undefined
        : Result.getOrThrow(LocalRecord.decode(groupId, record))
    },
    write: (record) =>
      Effect.suspend(() =>
        commit({
          operation: "write local record",
          remove: undefined,
          entries: [],
          records: [recordOf(record)]
        })
      ),
    found: (record, entries) =>
      Effect.suspend(() => {
        const last = entries.at(-1)
        invariant(last !== undefined && entries[0]?.index === 1, "a founding begins the log")
        invariant(tables.extent() === undefined, "a cluster is founded into an empty log")
        const hardState = { term: last.term, vote: undefined, commit: last.index }
        return write({ entries, hardState }, [recordOf(record)])
      })
  }
}

/**
 * Refuses a log with a gap, with a damaged entry at either end, or that ends below the durable commit
 * index: a committed entry is missing, and to vote without it could lose it for the cluster.
 */
function openCursor(groupId: GroupId, tables: LogTables): Cursor {
  const pointer = pointerOf(groupId, tables)
  const last = lastOf(groupId, tables, Position.after(pointer.index))
  if (readHardState(groupId, tables).commit > last) throw missing(groupId, Position.after(last))
  return new Cursor(pointer, last, tables.extent()?.bytes ?? 0)
}

function pointerOf(groupId: GroupId, tables: LogTables): SnapshotPointer.SnapshotPointer {
  const record = tables.record("snapshotPointer")
  if (record === undefined) return SnapshotPointer.initial
  return Result.getOrThrow(SnapshotPointerRecord.decode(groupId, record))
}

/** A crash may have left entries that a snapshot has taken the place of. */
const removeReplaced = (groupId: GroupId, tables: LogTables, { commit }: Writer) =>
  Effect.flatMap(
    refusing(() => ({ pointer: pointerOf(groupId, tables), extent: tables.extent() })),
    ({ extent, pointer }) => {
      if (extent === undefined || extent.first > pointer.index) return Effect.void
      const until = Position.after(Position.smaller(pointer.index, extent.last))
      return LogBeginning.removeBelow(commit, { from: extent.first, until })
    }
  )

function lastOf(groupId: GroupId, tables: LogTables, first: LogIndex): LogIndex {
  const extent = tables.extent()
  if (extent === undefined) return Position.before(first)
  if (extent.first !== first) throw missing(groupId, first)
  if (extent.count !== extent.last - extent.first + 1) {
    throw missing(groupId, firstGap(tables, extent.first, extent.last))
  }
  readEntry(groupId, tables, extent.first)
  readEntry(groupId, tables, extent.last)
  return extent.last
}

function firstGap(tables: LogTables, first: LogIndex, last: LogIndex): LogIndex {
  let index = first
  while (index < last && tables.entry(index) !== undefined) index = Position.after(index)
  return index
}

function readEntry(groupId: GroupId, tables: LogTables, index: LogIndex): Entry.Entry {
  const record = tables.entry(index)
  if (record === undefined) throw missing(groupId, index)
  return Result.getOrThrow(EntryRecord.decode(groupId, index, record))
}

function readHardState(groupId: GroupId, tables: LogTables): HardState.HardState {
  const record = tables.record("hardState")
  return record === undefined
    ? HardState.initial
    : Result.getOrThrow(HardStateRecord.decode(groupId, record))
}

const missing = (groupId: GroupId, index: LogIndex): LogCorrupted =>
  new LogCorrupted({ groupId, index, reason: "missing" })

const bytesOf = ({ entries }: LogChanges): number =>
  entries.reduce((bytes, { record }) => bytes + record.length, 0)

/** Encodes everything before anything is issued, so that a bug cannot leave half a write. */
function changesOf(
  groupId: GroupId,
  { entries, hardState }: LogWrite,
  cursor: Cursor
): { readonly changes: LogChanges; readonly last: LogIndex } {
  const first = entries[0]?.index ?? Position.after(cursor.last)
  invariant(
    first >= cursor.first && first <= Position.after(cursor.last),
    "entries replace a suffix of the log or continue it"
  )
  const records = entries.map((entry, at) => {
    invariant(entry.index === first + at, "the entries of one write are contiguous")
    return { index: entry.index, record: EntryRecord.encode(groupId, entry) }
  })
  const last = entries.length === 0 ? cursor.last : Position.plus(first, entries.length - 1)
  return {
    last,
    changes: {
      operation: "persist",
      remove:
        last < cursor.last
          ? { from: Position.after(last), until: Position.after(cursor.last) }
          : undefined,
      entries: records,
      records:
        hardState === undefined
          ? []
          : [{ name: "hardState", record: HardStateRecord.encode(groupId, hardState) }]
    }
  }
}

type Refusal = LogCorrupted | RecordCorrupted | FormatVersionUnknown

/** Runs `body`; what it throws typed is a failure, the rest a defect. */
const refusing = <A>(body: () => A): Effect.Effect<A, Refusal> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(body())
    } catch (error) {
      return isRefusal(error) ? Effect.fail(error) : Effect.die(error)
    }
  })

const isRefusal = (error: unknown): error is Refusal =>
  error instanceof LogCorrupted ||
  error instanceof RecordCorrupted ||
  error instanceof FormatVersionUnknown
