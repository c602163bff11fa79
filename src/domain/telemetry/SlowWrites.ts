/**
 * Which slow writes of the log are worth a line: one in a while, with the number of those between.
 *
 * A disk that is slow is slow thousands of times; a log full of it would be slow as well.
 * Proof: `test/domain/telemetry/SlowWrites.test.ts`.
 */

/** A disk that takes longer for one sync is in trouble, or shared with something greedy. */
export const slowMillisMin = 500
/** One report in this time. */
export const reportMillisMin = 10_000

/** Mutable: one per log. */
export class SlowWrites {
  private reportedAt = Number.NEGATIVE_INFINITY
  private unreportedCount = 0

  /**
   * To be called with every write. If this one is to be reported: how many slow ones before it were
   * not. Times are in milliseconds of a monotonic clock.
   */
  toReport({
    endedAt,
    millis
  }: {
    readonly endedAt: number
    readonly millis: number
  }): number | undefined {
    if (millis < slowMillisMin) return undefined
    if (endedAt - this.reportedAt < reportMillisMin) {
      this.unreportedCount += 1
      return undefined
    }
    const { unreportedCount } = this
    this.reportedAt = endedAt
    this.unreportedCount = 0
    return unreportedCount
  }
}
