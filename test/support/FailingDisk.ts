/** A memory disk whose power goes before one of its commits, whichever the test says. */
import type { Changes } from "../../src/domain/state/Changes.ts"
import type { LogChanges } from "../../src/layers/LogEnvironment.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"

export class FailingDisk extends MemoryDisk {
  /** Commits of the log and steps of a state that still reach the disk. */
  commitsLeft = Number.POSITIVE_INFINITY

  override writeLog(opening: number, changes: LogChanges): Error | undefined {
    return this.spent() ?? super.writeLog(opening, changes)
  }

  override commit(changes: Changes): Error | undefined {
    return this.spent() ?? super.commit(changes)
  }

  private spent(): Error | undefined {
    if (this.commitsLeft <= 0) return new Error("the power is gone")
    this.commitsLeft -= 1
    return undefined
  }
}
