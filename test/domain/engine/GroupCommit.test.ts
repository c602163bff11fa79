import { describe, expect, it } from "vitest"
import { GroupCommit, type Waiting } from "../../../src/domain/engine/GroupCommit.ts"
import type { Term } from "../../../src/domain/Ids.ts"
import { seededNumbers } from "../../support/SeededNumbers.ts"

const limits = {
  pendingCountMax: 8,
  pendingBytesMax: 100,
  batchCountMax: 3,
  batchBytesMax: 20,
  batchAnswerBytesMax: 10
}
const request = (bytes: number, term = 1): Waiting => ({
  request: Buffer.alloc(bytes),
  answerBytesMax: 0,
  isAlone: false,
  term: term as Term
})

describe("group commit (SPEC §9)", () => {
  it("cuts a batch at its count, its bytes and its term", () => {
    const group = new GroupCommit<Waiting>(limits)
    const all = [5, 5, 5, 5, 16, 5].map((bytes) => request(bytes))
    const other = request(1, 2)
    for (const waiting of [...all, other]) group.add(waiting)
    expect(group.takeBatch()).toEqual(all.slice(0, 3))
    expect(group.takeBatch()).toEqual(all.slice(3, 4))
    expect(group.takeBatch()).toEqual(all.slice(4, 5))
    expect(group.takeBatch()).toEqual(all.slice(5, 6))
    expect(group.takeBatch()).toEqual([other])
    expect(group.takeBatch()).toEqual([])
    expect([group.count, group.pendingBytes]).toEqual([0, 0])
  })

  it("cuts a batch at what it may answer; a request that may answer more is alone", () => {
    const group = new GroupCommit<Waiting>(limits)
    const all = [6, 4, 1, 11, 0].map((answerBytesMax) => ({ ...request(1), answerBytesMax }))
    for (const waiting of all) group.add(waiting)
    expect(group.takeBatch()).toEqual(all.slice(0, 2))
    expect(group.takeBatch()).toEqual(all.slice(2, 3))
    expect(group.takeBatch()).toEqual(all.slice(3, 4))
    expect(group.takeBatch()).toEqual(all.slice(4))
  })

  it("takes a request larger than a batch, alone", () => {
    const group = new GroupCommit<Waiting>(limits)
    const large = request(90)
    group.add(large)
    group.add(request(1))
    expect(group.takeBatch()).toEqual([large])
  })

  it("cuts before and behind what is an entry of its own", () => {
    const group = new GroupCommit<Waiting>(limits)
    const [first, alone, last] = [request(1), { ...request(1), isAlone: true }, request(1)]
    for (const waiting of [first, alone, alone, last]) group.add(waiting)
    for (const batch of [[first], [alone], [alone], [last]])
      expect(group.takeBatch()).toEqual(batch)
  })

  it("has room within its bounds, and always for a lone request", () => {
    const group = new GroupCommit<Waiting>(limits)
    expect(group.hasRoomFor(1_000)).toBe(true)
    group.add(request(60))
    expect(group.hasRoomFor(40)).toBe(true)
    expect(group.hasRoomFor(41)).toBe(false)
    for (let added = 0; added < 7; added++) group.add(request(0))
    expect(group.hasRoomFor(0)).toBe(false)
  })

  it("gives back only what is in no batch yet, and neither loses nor repeats a request", () => {
    const numbers = seededNumbers(3)
    const group = new GroupCommit<Waiting>({ ...limits, pendingCountMax: 1_000 })
    const waiting: Array<Waiting> = []
    const taken: Array<Waiting> = []
    const withdrawn: Array<Waiting> = []
    for (let step = 0; step < 3_000; step++) {
      const action = numbers.below(4)
      if (action <= 1) {
        const added = request(numbers.below(30), 1 + Math.floor(step / 500))
        waiting.push(added)
        group.add(added)
      } else if (action === 2) {
        const batch = group.takeBatch()
        expect(batch).toEqual(waiting.splice(0, batch.length))
        expect(new Set(batch.map(({ term }) => term)).size).toBeLessThanOrEqual(1)
        taken.push(...batch)
      } else {
        const pool = numbers.below(2) === 0 ? waiting : taken
        const gone = pool[numbers.below(pool.length)]
        if (gone === undefined) continue
        expect(group.withdraw(gone)).toBe(pool === waiting)
        if (pool === waiting) withdrawn.push(...waiting.splice(waiting.indexOf(gone), 1))
      }
      expect(group.count).toBe(waiting.length)
      expect(group.pendingBytes).toBe(waiting.reduce((sum, one) => sum + one.request.length, 0))
    }
    expect(taken.length).toBeGreaterThan(100)
    expect(withdrawn.length).toBeGreaterThan(100)
  })
})
