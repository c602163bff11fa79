/**
 * Who may still write how much to a disk that is filling up (SPEC §8).
 *
 * Why it exists: a full disk corrupts the heap of lmdb-js, so LMDB must never meet one. Three lines of
 * defence, from far to near: a user's request is refused while what is in flight and itself would leave
 * less than `freeBytesMin`; a command of the encryption administration below `freeBytesHalt`; and
 * no store begins a commit that would leave less than `freeBytesHalt` (the node stops instead).
 *
 * What must never happen here: a request admitted on room that another one in flight was promised.
 * Proof: `test/domain/engine/SpaceBudget.test.ts`.
 */
import { invariant } from "../Invariant.ts"
import * as Limits from "../Limits.ts"
import { DiskFullFailure } from "../state/Errors.ts"
import { SpaceLow } from "./Errors.ts"

export interface SpaceMarks {
  /** Users' requests leave at least this much free. */
  readonly freeBytesMin: number
  /** Every commit leaves at least this much free. */
  readonly freeBytesHalt: number
}

/**
 * What one user request may take on disk: its bytes in the log and in the state, and of its answer
 * what a session records, each rounded up to a page, and a leaf of the state that is copied and split
 * for it. Pages that a commit only copies come back with the next ones; for those of a commit that
 * touches far more leaves than that, and for the entries nobody reserves for, there is what lies
 * between the two marks.
 */
export const costBytes = (requestBytes: number, recordedBytes = 0): number =>
  2 * requestBytes + recordedBytes + 4 * Limits.lmdbPageBytes

/** What is applied and not in the state's file yet; its promises are released already. */
const behindBytes = 2 * (Limits.stateWaitingBytesMax + Limits.stateRunBytesMax)

/** Mutable: one per opening of a data directory. */
export class SpaceBudget {
  private readonly marks: SpaceMarks
  /** What may still be written: never less recent than the last release. */
  private readonly freeBytes: () => number
  private reservedBytes = 0

  constructor(marks: SpaceMarks, freeBytes: () => number) {
    assertRelated(marks)
    this.marks = marks
    this.freeBytes = freeBytes
  }

  /** Promises room to a user's request, until {@link release}; or says why not, changing nothing. */
  reserve(requestBytes: number, recordedBytes = 0): SpaceLow | undefined {
    const cost = costBytes(requestBytes, recordedBytes)
    const low = this.refusalOf(this.reservedBytes + cost, this.marks.freeBytesMin)
    if (low === undefined) this.reservedBytes += cost
    return low
  }

  /** That request is written, or never will be. */
  release(requestBytes: number, recordedBytes = 0): void {
    this.reservedBytes -= costBytes(requestBytes, recordedBytes)
    invariant(this.reservedBytes >= 0, "what is released was reserved")
  }

  /** Why a command of the encryption administration is refused. */
  refusal(): SpaceLow | undefined {
    return this.refusalOf(costBytes(Limits.entryDataBytesMax), this.marks.freeBytesHalt)
  }

  /** Why a commit of this size must not begin. */
  shortage(commitBytes: number): DiskFullFailure | undefined {
    const { freeBytesHalt } = this.marks
    const freeBytes = this.freeBytes()
    return freeBytes - commitBytes < freeBytesHalt
      ? new DiskFullFailure({ freeBytes, freeBytesHalt })
      : undefined
  }

  private refusalOf(takenBytes: number, freeBytesMin: number): SpaceLow | undefined {
    const left = this.freeBytes() - takenBytes
    return left < freeBytesMin
      ? new SpaceLow({ freeBytes: Math.max(0, left), freeBytesMin })
      : undefined
  }
}

function assertRelated({ freeBytesHalt, freeBytesMin }: SpaceMarks): void {
  invariant(freeBytesHalt >= Limits.freeBytesHaltMin, "a commit that copies pages has room to")
  invariant(
    freeBytesMin >= freeBytesHalt + behindBytes + costBytes(Limits.entryDataBytesMax),
    "when users are refused, what is behind and a command of the administration still fit"
  )
}
