import { describe, expect, it } from "vitest"
import { Inflights } from "../../../src/domain/raft/Inflights.ts"
import { Progress } from "../../../src/domain/raft/Progress.ts"
import { peerStatusOf } from "../../../src/domain/raft/Status.ts"
import { index } from "./support/Fixture.ts"
import * as Random from "./support/Random.ts"

const unlimited = Number.POSITIVE_INFINITY

const progressAt = (
  match: number,
  next: number,
  limits = { messagesMax: 3, bytesMax: unlimited }
) => new Progress({ match: index(match), next: index(next), isRecentlyActive: true, limits })

describe("Progress, probing", () => {
  it("sends one append, and then waits for a sign of life", () => {
    const progress = progressAt(0, 5)
    expect(progress.isPaused).toBe(false)
    progress.appendSent({ count: 0, bytes: 0 })
    expect(progress.isPaused).toBe(false)
    progress.appendSent({ count: 2, bytes: 20 })
    expect([progress.isPaused, progress.next]).toEqual([true, 5])
    progress.resume()
    expect(progress.isPaused).toBe(false)
  })

  it("goes back to the hint when the last probe is refused", () => {
    const progress = progressAt(2, 10)
    expect(progress.rejected(index(7), index(3))).toBe(false)
    expect(progress.next).toBe(10)
    expect(progress.rejected(index(9), index(5))).toBe(true)
    expect(progress.next).toBe(6)
    expect(progress.rejected(index(5), index(0))).toBe(true)
    expect(progress.next).toBe(3)
  })
})

describe("Progress, replicating", () => {
  it("runs ahead of the answers, as far as the window reaches", () => {
    const progress = progressAt(4, 9)
    progress.becomeReplicate()
    expect(progress.next).toBe(5)
    for (const [next, isPaused] of [
      [7, false],
      [9, false],
      [11, true]
    ] as const) {
      progress.appendSent({ count: 2, bytes: 10 })
      expect([progress.next, progress.isPaused]).toEqual([next, isPaused])
    }
    expect(peerStatusOf(progress)).toMatchObject({ inflightCount: 3, isInflightFull: true })
  })

  it("sends an empty append into a full window after a sign of life, and pauses again", () => {
    const progress = progressAt(4, 5, { messagesMax: 1, bytesMax: unlimited })
    progress.becomeReplicate()
    progress.appendSent({ count: 1, bytes: 10 })
    progress.resume()
    expect(progress.isPaused).toBe(false)
    progress.appendSent({ count: 0, bytes: 0 })
    expect(progress.isPaused).toBe(true)
  })

  it("counts bytes as well, one message too many", () => {
    const progress = progressAt(0, 1, { messagesMax: 9, bytesMax: 100 })
    progress.becomeReplicate()
    progress.appendSent({ count: 1, bytes: 60 })
    expect(progress.isPaused).toBe(false)
    progress.appendSent({ count: 1, bytes: 60 })
    expect(progress.isPaused).toBe(true)
  })

  it("falls back to what is acknowledged when a recent append is refused", () => {
    const progress = progressAt(4, 5)
    progress.becomeReplicate()
    progress.appendSent({ count: 3, bytes: 10 })
    expect(progress.rejected(index(4), index(1))).toBe(false)
    expect(progress.rejected(index(6), index(1))).toBe(true)
    expect(progress.next).toBe(5)
  })
})

describe("Progress, awaiting a snapshot", () => {
  it("sends nothing", () => {
    const progress = progressAt(1, 5)
    progress.becomeSnapshot(index(20))
    progress.resume()
    expect(progress.isPaused).toBe(true)
    expect(() => progress.appendSent({ count: 1, bytes: 1 })).toThrow("snapshot is awaited")
  })

  it("probes behind the snapshot when it was delivered", () => {
    const progress = progressAt(1, 5)
    progress.becomeSnapshot(index(20))
    progress.snapshotReported(true)
    expect(progress).toMatchObject({ match: 1, next: 21, isPaused: true })
    expect(progress.flow._tag).toBe("Probe")
  })

  it("probes where it was when it was not", () => {
    const progress = progressAt(1, 5)
    progress.becomeSnapshot(index(20))
    progress.snapshotReported(false)
    expect(progress).toMatchObject({ match: 1, next: 2, isPaused: true })
  })
})

describe("Progress", () => {
  it("takes an acknowledgement once", () => {
    const progress = progressAt(3, 5)
    expect(progress.matched(index(3))).toBe(false)
    expect(progress.matched(index(2))).toBe(false)
    expect(progress.matched(index(7))).toBe(true)
    expect(progress).toMatchObject({ match: 7, next: 8 })
  })

  it("tells a commit index once, and only as far as the member may have the log", () => {
    const progress = progressAt(4, 5)
    expect(progress.canLearnCommit(index(3))).toBe(true)
    progress.commitIndexSent(index(3))
    expect(progress.canLearnCommit(index(3))).toBe(false)
    expect(progress.canLearnCommit(index(9))).toBe(true)
    progress.commitIndexSent(index(9))
    expect(progress.canLearnCommit(index(10))).toBe(false)
    progress.becomeProbe()
    expect(progress.canLearnCommit(index(10))).toBe(false)
  })

  it("takes a commit index for lost with the appends that carried it", () => {
    const progress = progressAt(4, 9)
    progress.commitIndexSent(index(8))
    expect(progress.canLearnCommit(index(9))).toBe(false)
    expect(progress.rejected(index(8), index(5))).toBe(true)
    progress.commitIndexSent(index(4))
    expect(progress.canLearnCommit(index(9))).toBe(true)
    progress.commitIndexSent(index(8))
    progress.becomeProbe()
    expect(progress.matched(index(6))).toBe(true)
    expect(progress.canLearnCommit(index(8))).toBe(true)
  })

  it("keeps match below next, whatever happens", () => {
    for (let seed = 0; seed < 500; seed++) {
      const random = Random.make(seed)
      const progress = progressAt(0, 1)
      for (let step = 0; step < 60; step++) {
        const matchBefore = progress.match
        const some = () => index(random.between(0, 30))
        random.pick([
          () => progress.matched(some()),
          () => progress.rejected(some(), some()),
          () => progress.becomeProbe(),
          () => progress.becomeReplicate(),
          () => progress.becomeSnapshot(some()),
          () => progress.resume(),
          () => {
            const isFull = peerStatusOf(progress).isInflightFull
            if (!progress.isPaused) progress.appendSent({ count: isFull ? 0 : 1, bytes: 5 })
          }
        ])()
        expect(progress.match, `seed ${seed}`).toBeGreaterThanOrEqual(matchBefore)
        if (progress.flow._tag !== "Snapshot") {
          expect(progress.next, `seed ${seed}`).toBeGreaterThan(progress.match)
        }
      }
    }
  })
})

describe("Inflights", () => {
  it("frees what ends at or before an acknowledged index", () => {
    const inflights = new Inflights({ messagesMax: 3, bytesMax: 100 })
    inflights.add(index(4), 30)
    inflights.add(index(7), 30)
    inflights.add(index(9), 60)
    expect(inflights.isFull).toBe(true)
    inflights.freeThrough(index(3))
    expect(inflights.count).toBe(3)
    inflights.freeThrough(index(8))
    expect([inflights.count, inflights.isFull]).toEqual([1, false])
    inflights.add(index(12), 40)
    expect(inflights.isFull).toBe(true)
    expect(() => inflights.add(index(13), 1)).toThrow("has room")
    inflights.freeThrough(index(12))
    expect([inflights.count, inflights.isFull]).toEqual([0, false])
  })
})
