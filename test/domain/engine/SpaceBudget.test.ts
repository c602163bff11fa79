import { describe, expect, it } from "vitest"
import { costBytes, SpaceBudget, type SpaceMarks } from "../../../src/domain/engine/SpaceBudget.ts"
import * as Limits from "../../../src/domain/Limits.ts"

const marks: SpaceMarks = {
  freeBytesMin: 160 * Limits.mebibyte,
  freeBytesHalt: 16 * Limits.mebibyte
}

/** A budget on a disk whose free space the test sets. */
const budgetOn = (freeBytes: number) => {
  const disk = { freeBytes }
  return { budget: new SpaceBudget(marks, () => disk.freeBytes), disk }
}

describe("users' requests (SPEC §8)", () => {
  it("are admitted down to the byte that leaves the first mark", () => {
    const { budget, disk } = budgetOn(marks.freeBytesMin + costBytes(1000))
    expect(budget.reserve(1001)).toMatchObject({
      _tag: "SpaceLow",
      freeBytes: marks.freeBytesMin - 2,
      freeBytesMin: marks.freeBytesMin
    })
    expect(budget.reserve(1000), "and the refusal took nothing").toBeUndefined()
    expect(budget.reserve(0)?._tag).toBe("SpaceLow")
    disk.freeBytes += costBytes(0)
    expect(budget.reserve(0)).toBeUndefined()
  })

  it("count against each other until they are released, however often the disk is asked", () => {
    const { budget } = budgetOn(marks.freeBytesMin + 10 * costBytes(100))
    const admitted = Array.from({ length: 20 }, () => budget.reserve(100)).filter(
      (low) => low === undefined
    )
    expect(admitted, "a burst stops at what the disk has").toHaveLength(10)
    budget.release(100)
    expect(budget.reserve(100)).toBeUndefined()
    expect(budget.reserve(100)?._tag).toBe("SpaceLow")
  })

  it("count what a session will record of their answers", () => {
    const { budget } = budgetOn(marks.freeBytesMin + costBytes(10, 1000))
    expect(budget.reserve(10, 1001)?._tag).toBe("SpaceLow")
    expect(budget.reserve(10, 1000)).toBeUndefined()
    budget.release(10, 1000)
    expect(budget.reserve(10, 1000)).toBeUndefined()
  })

  it("are admitted again once there is room", () => {
    const { budget, disk } = budgetOn(0)
    expect(budget.reserve(1)).toMatchObject({ freeBytes: 0 })
    disk.freeBytes = 1024 * Limits.mebibyte
    expect(budget.reserve(1)).toBeUndefined()
  })

  it("give back only what they were promised", () => {
    const { budget } = budgetOn(1024 * Limits.mebibyte)
    budget.reserve(10)
    expect(() => budget.release(11)).toThrow(/what is released was reserved/)
  })
})

describe("below the first mark (SPEC §8)", () => {
  it("the administration goes on while its largest command leaves the second", () => {
    const needed = marks.freeBytesHalt + costBytes(Limits.entryDataBytesMax)
    const { budget, disk } = budgetOn(needed)
    expect(budget.reserve(0)?._tag).toBe("SpaceLow")
    expect(budget.refusal()).toBeUndefined()
    disk.freeBytes -= 1
    expect(budget.refusal()).toMatchObject({
      freeBytes: marks.freeBytesHalt - 1,
      freeBytesMin: marks.freeBytesHalt
    })
  })

  it("no commit begins that would leave less than the second", () => {
    const { budget, disk } = budgetOn(marks.freeBytesHalt + 5000)
    expect(budget.shortage(5000)).toBeUndefined()
    expect(budget.shortage(5001)).toMatchObject({
      _tag: "DiskFullFailure",
      freeBytes: disk.freeBytes,
      freeBytesHalt: marks.freeBytesHalt
    })
  })

  it("everything that was promised may still be written", () => {
    const { budget, disk } = budgetOn(marks.freeBytesMin + 100 * Limits.mebibyte)
    const sizes: Array<number> = []
    for (let size = 1; budget.reserve(size) === undefined; size = (size * 7) % 1_000_003) {
      sizes.push(size)
    }
    expect(sizes.length).toBeGreaterThan(10)
    for (const size of sizes) {
      expect(budget.shortage(costBytes(size))).toBeUndefined()
      disk.freeBytes -= costBytes(size)
      budget.release(size)
    }
    expect(disk.freeBytes).toBeGreaterThanOrEqual(marks.freeBytesMin)
  })
})

describe("the marks (SPEC §8)", () => {
  it("leave room between them for what is behind and the largest command, and below for pages that are copied", () => {
    const tight = {
      ...marks,
      freeBytesMin:
        marks.freeBytesHalt +
        2 * (Limits.stateWaitingBytesMax + Limits.stateRunBytesMax) +
        costBytes(Limits.entryDataBytesMax)
    }
    const make = (wrong: Partial<SpaceMarks>) => () =>
      new SpaceBudget({ ...tight, ...wrong }, () => 0)
    expect(make({})).not.toThrow()
    expect(make({ freeBytesMin: tight.freeBytesMin - 1 })).toThrow(/still fit/)
    expect(make({ freeBytesHalt: Limits.freeBytesHaltMin - 1 })).toThrow(/room/)
  })
})
