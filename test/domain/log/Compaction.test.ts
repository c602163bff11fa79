import { describe, expect, it } from "@effect/vitest"
import type { LogIndex } from "../../../src/domain/Ids.ts"
import * as Compaction from "../../../src/domain/log/Compaction.ts"
import { seededNumbers } from "../../support/SeededNumbers.ts"

const at = (index: number) => index as LogIndex
const limits = { entriesMax: 20, bytesMax: 1_000, tailEntries: 5 }

const extent = (first: number, last: number, bytes = 100) => ({
  first: at(first),
  last: at(last),
  bytes
})

describe("Compaction", () => {
  it("waits until the log is too long, then keeps a tail below what is durable", () => {
    expect(Compaction.through(extent(1, 20), at(20), limits)).toBeUndefined()
    expect(Compaction.through(extent(1, 21), at(21), limits)).toBe(16)
    expect(Compaction.through(extent(1, 21), at(12), limits)).toBe(7)
    expect(Compaction.through(extent(101, 140), at(130), limits)).toBe(125)
  })

  it("forgets nothing that is not durable, and nothing below the log", () => {
    expect(Compaction.through(extent(1, 500), at(0), limits)).toBeUndefined()
    expect(Compaction.through(extent(1, 500), at(5), limits)).toBeUndefined()
    expect(Compaction.through(extent(101, 140), at(104), limits)).toBeUndefined()
  })

  it("keeps fewer entries if they are large", () => {
    expect(Compaction.through(extent(1, 10, 1_000), at(10), limits)).toBeUndefined()
    // 200 bytes each: half of what may be taken is two of them.
    expect(Compaction.through(extent(1, 10, 2_000), at(10), limits)).toBe(8)
    expect(Compaction.through(extent(1, 2, 9_000), at(2), limits)).toBe(2)
  })

  it("never more than is durable or there, over random logs", () => {
    const numbers = seededNumbers(5)
    for (let round = 0; round < 2_000; round++) {
      const first = 1 + numbers.below(50)
      const log = extent(first, first - 1 + numbers.below(60), numbers.below(3_000))
      const durable = at(numbers.below(120))
      const through = Compaction.through(log, durable, limits)
      if (through === undefined) continue
      expect(Compaction.isDue(log, limits)).toBe(true)
      expect(through).toBeGreaterThanOrEqual(log.first)
      expect(through).toBeLessThanOrEqual(Math.min(durable, log.last))
    }
  })
})
