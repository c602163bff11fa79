import * as Result from "effect/Result"
import { describe, expect, it } from "vitest"
import { PendingTransfer } from "../../../src/domain/engine/PendingTransfer.ts"
import type { MemberId } from "../../../src/domain/Ids.ts"

const member = (id: number) => id as MemberId

function begun() {
  const told: Array<string> = []
  const transfer = new PendingTransfer()
  transfer.begin(member(2), {
    ticksMax: 2,
    answer: (answer) => {
      if (Result.isSuccess(answer)) told.push("done")
      else told.push("reason" in answer.failure ? answer.failure.reason : "")
    }
  })
  return { told, transfer }
}

describe("a transfer of the leadership (SPEC §15)", () => {
  it("is done when the member asked for leads, and only then", () => {
    const { told, transfer } = begun()
    transfer.leaderIs(undefined)
    expect(told).toEqual([])
    transfer.leaderIs(member(2))
    transfer.leaderIs(member(2))
    expect(told).toEqual(["done"])
    expect(transfer.isPending).toBe(false)
  })

  it("fails when another one leads, when its time is over, and by the stop", () => {
    const another = begun()
    another.transfer.leaderIs(member(3))
    expect(another.told).toEqual(["anotherLeads"])
    const late = begun()
    late.transfer.tick()
    expect(late.told).toEqual([])
    late.transfer.tick()
    late.transfer.tick()
    expect(late.told).toEqual(["timedOut"])
    const stopped = begun()
    stopped.transfer.stopped("because")
    expect(stopped.told).toEqual(["because"])
  })
})
