import { describe, expect, it } from "vitest"
import { Histogram } from "../../../src/domain/telemetry/Histogram.ts"
import { seededNumbers } from "../../support/SeededNumbers.ts"

describe("a histogram", () => {
  it("starts with nothing in any bucket", () => {
    const { buckets, count, sum } = new Histogram([1, 2]).state()
    expect({ buckets, count, sum }).toEqual({
      buckets: [
        [1, 0],
        [2, 0]
      ],
      count: 0,
      sum: 0
    })
  })

  it("counts a sample in every bucket it is at or below, as counting by hand does", () => {
    const numbers = seededNumbers(5)
    const bounds = [1, 2, 4, 8, 16]
    for (let round = 0; round < 50; round++) {
      const histogram = new Histogram(bounds)
      const samples = Array.from({ length: numbers.below(60) + 1 }, () => numbers.below(20))
      for (const sample of samples) histogram.record(sample)
      expect(histogram.state()).toEqual({
        buckets: bounds.map((bound) => [bound, samples.filter((n) => n <= bound).length]),
        count: samples.length,
        min: Math.min(...samples),
        max: Math.max(...samples),
        sum: samples.reduce((a, b) => a + b)
      })
    }
  })

  it("refuses bounds that do not ascend", () => {
    expect(() => new Histogram([1, 1])).toThrow("ascend")
  })
})
