import * as Result from "effect/Result"
import { describe, expect, it } from "vitest"
import { LeaderNotReady } from "../../../src/domain/engine/Errors.ts"
import { PendingReads } from "../../../src/domain/engine/PendingReads.ts"
import type { LogIndex } from "../../../src/domain/Ids.ts"

const at = (index: number) => index as LogIndex

function collect(options: { readonly countMax?: number; readonly firstRequestId?: bigint } = {}) {
  const told: Array<string> = []
  const sent: Array<bigint> = []
  const reads = new PendingReads({
    firstRequestId: options.firstRequestId ?? 7n,
    countMax: options.countMax ?? 10,
    confirmTicksMax: 3,
    applyTicksMax: 5
  })
  const ask = (name: string) =>
    reads.ask((answer) =>
      told.push(
        Result.isSuccess(answer)
          ? `${name} at ${answer.success}`
          : `${name} ${answer.failure._tag}${"leader" in answer.failure ? ` ${answer.failure.leader}` : ""}`
      )
    )
  const request = () => reads.request((requestId) => sent.push(requestId) > 0)
  return { reads, told, sent, ask, request }
}

describe("pending reads (SPEC §9)", () => {
  it("share one request, and are served once its index is applied", () => {
    const { ask, reads, request, sent, told } = collect()
    ask("a")
    ask("b")
    request()
    expect(sent).toEqual([7n])
    reads.applied(at(9))
    expect(told, "nothing is served before a leader has answered").toEqual([])
    reads.confirmed(7n, at(9))
    reads.applied(at(8))
    expect(told).toEqual([])
    reads.applied(at(9))
    reads.applied(at(10))
    expect(told).toEqual(["a at 9", "b at 9"])
    expect(reads.count).toBe(0)
  })

  it("that come later have a request of their own: an earlier answer is not theirs", () => {
    const { ask, reads, request, told } = collect()
    ask("a")
    request()
    ask("b")
    request()
    reads.confirmed(7n, at(5))
    reads.confirmed(7n, at(5))
    reads.applied(at(9))
    expect(told).toEqual(["a at 5"])
    reads.confirmed(8n, at(6))
    reads.applied(at(9))
    expect(told).toEqual(["a at 5", "b at 6"])
  })

  it("are to be asked again when the leader changes, except those that are confirmed", () => {
    const { ask, reads, request, told } = collect()
    ask("confirmed")
    request()
    reads.confirmed(7n, at(5))
    ask("unconfirmed")
    request()
    ask("not asked yet")
    reads.leaderChanged()
    expect(told).toEqual(["unconfirmed NotLeader undefined"])
    reads.confirmed(8n, at(5))
    reads.applied(at(5))
    expect(told).toEqual(["unconfirmed NotLeader undefined", "confirmed at 5"])
    expect(reads.isAsked).toBe(true)
  })

  it("are to be asked again when nobody has answered in time, and given up if never applied", () => {
    const { ask, reads, request, told } = collect()
    ask("lost")
    request()
    reads.tick()
    ask("confirmed")
    request()
    reads.confirmed(8n, at(5))
    reads.tick()
    expect(told).toEqual([])
    reads.tick()
    expect(told).toEqual(["lost NotLeader undefined"])
    reads.tick()
    reads.tick()
    expect(told).toHaveLength(1)
    reads.tick()
    expect(told).toEqual(["lost NotLeader undefined", "confirmed NotLeader undefined"])
    expect(reads.count).toBe(0)
  })

  it("are refused when there is nobody to ask, when they are too many, and by the stop", () => {
    const { ask, reads, request, told } = collect({ countMax: 2 })
    ask("a")
    reads.request(() => false)
    ask("b")
    reads.refuse(new LeaderNotReady({ awaits: "noop" }))
    ask("c")
    request()
    ask("d")
    ask("e")
    reads.stopped("because")
    expect(told).toEqual([
      "a NotLeader undefined",
      "b LeaderNotReady",
      "e TooManyProposals",
      "c NodeStopped",
      "d NodeStopped"
    ])
    expect(reads.count).toBe(0)
  })

  it("number their requests in 64 bits", () => {
    const { ask, request, sent } = collect({ firstRequestId: 2n ** 64n - 1n })
    ask("a")
    request()
    ask("b")
    request()
    expect(sent).toEqual([2n ** 64n - 1n, 0n])
  })
})
