/**
 * How a log comes to begin later: it forgets a prefix, or a snapshot takes the place of one (SPEC §8,
 * §16).
 *
 * Where a log begins is one record, the snapshot pointer; what lies below it is no entry any more,
 * whether it is removed yet or not. What must never happen here: a pointer that goes back; an entry
 * above a snapshot that does not follow it; a commit whose size depends on the length of the log.
 * Proof: `test/contracts/LogInstallation.ts`, `test/layers/SnapshotCrash.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { GroupId, LogIndex, Term } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import type { LogWriteFailure } from "../domain/log/Errors.ts"
import * as HardStateRecord from "../domain/log/HardStateRecord.ts"
import type { SnapshotPointer } from "../domain/log/SnapshotPointer.ts"
import * as SnapshotPointerRecord from "../domain/log/SnapshotPointerRecord.ts"
import type { HardState } from "../domain/raft/HardState.ts"
import * as Position from "../domain/raft/Position.ts"
import type { Compaction, Installation } from "../services/RaftLogStore.ts"
import type { LogChanges } from "./LogEnvironment.ts"

/** Where the log begins and ends: it moves with a write that has returned. */
export class Cursor {
  pointer: SnapshotPointer
  last: LogIndex
  /** Of the entries, about. */
  bytes: number

  constructor(pointer: SnapshotPointer, last: LogIndex, bytes: number) {
    this.pointer = pointer
    this.last = last
    this.bytes = bytes
  }

  get count(): number {
    return this.last - this.pointer.index
  }

  /** Some of the entries go, of a size like the others. */
  forget(count: number): void {
    this.bytes -= this.count === 0 ? 0 : (this.bytes * count) / this.count
  }

  get first(): LogIndex {
    return Position.after(this.pointer.index)
  }
}

/** What is used here of the log. */
export interface Parts {
  readonly groupId: GroupId
  readonly cursor: Cursor
  readonly commit: (changes: LogChanges) => Effect.Effect<void, LogWriteFailure>
  /** As `LogReader.term`. */
  readonly term: (index: LogIndex) => Term | undefined
  readonly hardState: () => HardState
}

/** Entries removed in one commit: a long prefix would make a long transaction. */
const removedCountMax = 256

/** `[from, until)`, half-open. */
interface Range {
  readonly from: LogIndex
  readonly until: LogIndex
}

type Records = LogChanges["records"]

const changesOf = (operation: string, remove: Range | undefined, records: Records): LogChanges => ({
  operation,
  remove,
  entries: [],
  records
})

const pointerRecord = (groupId: GroupId, pointer: SnapshotPointer): Records[number] => ({
  name: "snapshotPointer",
  record: SnapshotPointerRecord.encode(groupId, pointer)
})

export const make = (parts: Parts) => {
  // A compaction is one commit after the other; the pointer of an installation must not come between
  // the making of such a commit and its end.
  const exclusively = Semaphore.makeUnsafe(1).withPermits(1)
  return { compact: makeCompact(parts, exclusively), install: makeInstall(parts, exclusively) }
}

type Exclusively = <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>

/**
 * The cursor moves before the entries go: whoever reads meanwhile is told that they are compacted, and
 * does not miss them.
 */
const makeCompact = ({ commit, cursor, groupId, term }: Parts, exclusively: Exclusively) => {
  let isCompacting = false
  const forget = ({ cutover, through: end }: Compaction) =>
    Effect.suspend(() => {
      const from = cursor.first
      if (from > end) return Effect.void
      const through = Position.smaller(Position.plus(from, removedCountMax - 1), end)
      const known = term(through)
      invariant(known !== undefined, "what is compacted is in the log")
      const { generation } = cursor.pointer
      const crossed = cutover <= through ? cutover : Position.noIndex
      invariant(crossed >= cursor.pointer.cutover, "a log does not forget that it was cut over")
      cursor.forget(through - from + 1)
      cursor.pointer = { index: through, term: known, cutover: crossed, generation }
      const remove = { from, until: Position.after(through) }
      return commit(changesOf("compact", remove, [pointerRecord(groupId, cursor.pointer)]))
    })
  return Effect.fnUntraced(function* (compaction: Compaction) {
    invariant(!isCompacting, "one compaction at a time")
    invariant(compaction.through <= cursor.last, "what is compacted is in the log")
    isCompacting = true
    yield* Effect.whileLoop({
      while: () => cursor.first <= compaction.through,
      body: () => exclusively(forget(compaction)),
      step: () => {}
    }).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          isCompacting = false
        })
      )
    )
  })
}

/**
 * First what contradicts the snapshot goes, from the end, as if a leader had overwritten it; a crash
 * leaves the old log and state, less entries that were never committed. Then the one commit that
 * counts. Then what lies below, which is no entry any more.
 */
const makeInstall = (
  { commit, cursor, groupId, hardState, term }: Parts,
  exclusively: Exclusively
) => {
  const truncate = (first: LogIndex) =>
    Effect.whileLoop({
      while: () => cursor.last >= first,
      body: () => {
        const until = Position.after(cursor.last)
        const from = Position.larger(first, Position.plus(until, -removedCountMax))
        return Effect.map(commit(changesOf("truncate", { from, until }, [])), () => {
          cursor.forget(until - from)
          cursor.last = Position.before(from)
        })
      },
      step: () => {}
    })

  const point = ({ hardState: given, ...pointer }: Installation) =>
    Effect.suspend(() => {
      const { index } = pointer
      const known = given ?? hardState()
      // The Ready may bring entries above the snapshot: they, and that they are committed, come next.
      const held = Position.smaller(known.commit, cursor.last)
      const raised = { ...known, commit: Position.larger(held, index) }
      const records: Records = [
        pointerRecord(groupId, pointer),
        { name: "hardState", record: HardStateRecord.encode(groupId, raised) }
      ]
      return Effect.map(commit(changesOf("install", undefined, records)), () => {
        cursor.forget(Math.min(cursor.last, index) - cursor.pointer.index)
        cursor.pointer = pointer
        cursor.last = Position.larger(cursor.last, index)
      })
    })

  return (installation: Installation) =>
    Effect.suspend(() => {
      const { cutover, generation, index } = installation
      const before = cursor.pointer
      invariant(index >= before.index, "a snapshot is not older than the log's beginning")
      invariant(generation > before.generation, "a snapshot is a state of its own")
      invariant(before.cutover === 0 || before.cutover === cutover, "a cutover is not moved")
      const first = cursor.first
      const end = cursor.last
      const isContradicted = index <= end && term(index) !== installation.term
      invariant(
        !isContradicted || hardState().commit < index,
        "what contradicts a snapshot was never committed"
      )
      const until = Position.after(Position.smaller(index, end))
      return (isContradicted ? truncate(Position.after(index)) : Effect.void).pipe(
        Effect.andThen(point(installation)),
        Effect.andThen(removeBelow(commit, { from: first, until }))
      )
    }).pipe(exclusively, Effect.uninterruptible)
}

/** Removes what is no entry any more; also at an opening after a crash that came between. */
export const removeBelow = (commit: Parts["commit"], { from, until }: Range) => {
  let next = from
  return Effect.whileLoop({
    while: () => next < until,
    body: () => {
      const end = Position.smaller(Position.plus(next, removedCountMax), until)
      return Effect.map(commit(changesOf("remove", { from: next, until: end }, [])), () => {
        next = end
      })
    },
    step: () => {}
  })
}
