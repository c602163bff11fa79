/** The judge of the kill rounds: what may be read, given what was answered. */
import { describe, expect, it } from "vitest"
import { Ledger } from "../../scripts/kill-rounds/Ledger.ts"

const acknowledging = (...values: ReadonlyArray<string | undefined>) => {
  const ledger = new Ledger()
  for (const value of values) ledger.acknowledge("k", value)
  return ledger
}

describe("the ledger of the kill rounds", () => {
  it("an acknowledged value is right, an earlier one or none is lost, any other is wrong", () => {
    const found = (value: string | undefined) => acknowledging("a", "b").judge("k", value)
    expect([found("b"), found("a"), found(undefined), found("c")]).toEqual([
      "right",
      "lost",
      "lost",
      "wrong"
    ])
  })

  it("a deleted key that is back is lost, and wrong if it has a value it never had", () => {
    const found = (value: string | undefined) => acknowledging("a", undefined).judge("k", value)
    expect([found(undefined), found("a"), found("b")]).toEqual(["right", "lost", "wrong"])
  })

  it("a write without an answer leaves the old and the new value, and no other", () => {
    const found = (value: string | undefined) => {
      const ledger = acknowledging("a", "b")
      ledger.leaveOpen("k", "c")
      expect(ledger.mayBe("k")).toBe("b or c")
      return ledger.judge("k", value)
    }
    expect([found("b"), found("c"), found("a"), found(undefined), found("d")]).toEqual([
      "right",
      "right",
      "lost",
      "lost",
      "wrong"
    ])
  })

  it("what was read of an open write stays", () => {
    const applied = acknowledging("a")
    applied.leaveOpen("k", "b")
    expect(applied.judge("k", "b")).toBe("right")
    expect(applied.judge("k", "a")).toBe("lost")

    const notApplied = acknowledging("a")
    notApplied.leaveOpen("k", "b")
    expect(notApplied.judge("k", "a")).toBe("right")
    expect(notApplied.judge("k", "b")).toBe("wrong")
    expect([notApplied.openFoundOld, applied.openFoundNew]).toEqual([1, 1])
  })

  it("a first write without an answer leaves the key missing or written", () => {
    const opened = () => {
      const ledger = new Ledger()
      ledger.leaveOpen("k", "a")
      return ledger
    }
    expect([opened().judge("k", undefined), opened().judge("k", "a")]).toEqual(["right", "right"])
    expect(opened().judge("k", "b")).toBe("wrong")
  })

  it("a refused write may never be read", () => {
    const ledger = new Ledger()
    ledger.refuse("k")
    expect(ledger.keys).toEqual(["k"])
    expect(ledger.judge("k", "a")).toBe("wrong")
  })

  it("two writes of one key at a time cannot be judged", () => {
    const ledger = new Ledger()
    ledger.leaveOpen("k", "a")
    expect(() => ledger.leaveOpen("k", "b")).toThrow("two writes are open for k")
  })
})
