/**
 * A histogram of numbers in fixed buckets, cheap enough for every log write.
 *
 * Its state has the shape of Effect's `Metric.HistogramState`, so that it can be read as one without a
 * copy of each sample. What must never happen: a sample that is lost or counted twice.
 * Proof: `test/domain/telemetry/Histogram.test.ts`.
 */
import { invariant } from "../Invariant.ts"

export interface HistogramState {
  /** Upper bound of each bucket, and how many samples are at or below it. */
  readonly buckets: ReadonlyArray<[bound: number, count: number]>
  readonly count: number
  readonly min: number
  readonly max: number
  readonly sum: number
}

/** Mutable: one writer. */
export class Histogram {
  /** Ascending; samples above the last one are in `count` only. */
  readonly bounds: ReadonlyArray<number>
  private readonly counts: Array<number>
  private count = 0
  private sum = 0
  private min = Number.MAX_VALUE
  private max = -Number.MAX_VALUE

  constructor(bounds: ReadonlyArray<number>) {
    invariant(
      bounds.every((bound, at) => at === 0 || bounds[at - 1]! < bound),
      "the bounds of a histogram ascend"
    )
    this.bounds = bounds
    this.counts = bounds.map(() => 0)
  }

  record(sample: number): void {
    let bucket = 0
    while (bucket < this.bounds.length && sample > this.bounds[bucket]!) bucket++
    if (bucket < this.counts.length) this.counts[bucket]! += 1
    this.count += 1
    this.sum += sample
    if (sample < this.min) this.min = sample
    if (sample > this.max) this.max = sample
  }

  state(): HistogramState {
    let below = 0
    const buckets = this.bounds.map((bound, at): [number, number] => {
      below += this.counts[at]!
      return [bound, below]
    })
    const { count, max, min, sum } = this
    return { buckets, count, min, max, sum }
  }
}
