import { describe, expect, it } from "vitest"
import { ByteQueue } from "../../../src/domain/bytes/ByteQueue.ts"
import { seededNumbers } from "../../support/SeededNumbers.ts"

describe("a queue of bytes", () => {
  it("gives what was put in, in order, whatever the pieces are, and changes nothing given", () => {
    const random = seededNumbers(7)
    for (let round = 0; round < 40; round++) {
      const queue = new ByteQueue()
      const given: Array<{ readonly bytes: Buffer; readonly copy: Buffer }> = []
      let waiting: Buffer = Buffer.alloc(0)
      for (let step = 0; step < 300; step++) {
        const size = random.below([2, 40, 2000, 20_000][random.below(4)]!)
        const piece = Buffer.alloc(size, random.below(256))
        queue.push(piece)
        waiting = Buffer.concat([waiting, piece])
        expect(queue.length).toBe(waiting.length)
        const count = random.below(2) === 0 ? random.below(waiting.length + 1) : 0
        expect(queue.peek(count).equals(waiting.subarray(0, count))).toBe(true)
        const bytes = queue.take(count)
        expect(bytes.equals(waiting.subarray(0, count))).toBe(true)
        given.push({ bytes, copy: Buffer.from(bytes) })
        waiting = waiting.subarray(count)
      }
      expect(given.every(({ bytes, copy }) => bytes.equals(copy))).toBe(true)
    }
  })

  it("keeps few pieces of what comes in small ones, and none that are empty", () => {
    const queue = new ByteQueue()
    for (let at = 0; at < 100_000; at++) {
      queue.push(Buffer.of(at % 256))
      queue.push(Buffer.alloc(0))
    }
    expect([queue.length, queue.pieceCount <= 10]).toEqual([100_000, true])
    for (let at = 0; at < 100; at++) {
      queue.push(Buffer.alloc(1024))
      queue.push(Buffer.of(1))
    }
    expect(queue.pieceCount).toBeLessThan(220)
  })

  it("gives a piece that is taken whole as it came", () => {
    const queue = new ByteQueue()
    const piece = Buffer.alloc(5000, 1)
    queue.push(piece)
    expect(queue.take(5000).buffer).toBe(piece.buffer)
    expect([queue.length, queue.pieceCount]).toEqual([0, 0])
  })
})
