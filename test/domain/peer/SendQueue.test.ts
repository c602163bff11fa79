import { describe, expect, it } from "vitest"
import * as PeerMessages from "../../../src/domain/peer/PeerMessages.ts"
import { SendQueue } from "../../../src/domain/peer/SendQueue.ts"
import { numbered } from "../../contracts/Transport.ts"

const size = PeerMessages.bytesOf(numbered(1, 2, 0))
const queueOf = (limits: Partial<ConstructorParameters<typeof SendQueue>[0]> = {}) =>
  new SendQueue({ countMax: 10, bytesMax: 10 * size, frameBytesMax: 4 * size, ...limits })

const fill = (queue: SendQueue, count: number) => {
  for (let at = 0; at < count; at++) queue.add(numbered(1, 2, at))
}
const numbersOf = (messages: ReturnType<SendQueue["takeFrame"]>) =>
  messages.map((message) => message._tag === "Heartbeat" && message.readPosition)

describe("what waits for a peer", () => {
  it("leaves in order, in frames of a bounded size", () => {
    const queue = queueOf()
    fill(queue, 6)
    expect(numbersOf(queue.takeFrame())).toEqual([0, 1, 2, 3])
    expect(numbersOf(queue.takeFrame())).toEqual([4, 5])
    expect([queue.takeFrame(), queue.bytes, queue.isEmpty]).toEqual([[], 0, true])
  })

  it("is bounded by count and by bytes: the newest is dropped and counted", () => {
    for (const queue of [queueOf({ countMax: 3 }), queueOf({ bytesMax: 3 * size })]) {
      fill(queue, 8)
      expect(queue.dropped).toBe(5)
      expect(numbersOf(queue.takeFrame())).toEqual([0, 1, 2])
    }
  })

  it("takes a lone message of any size, in a frame of its own", () => {
    const queue = queueOf({ bytesMax: 1, frameBytesMax: 1 })
    fill(queue, 2)
    expect(queue.dropped).toBe(1)
    expect(numbersOf(queue.takeFrame())).toEqual([0])
  })

  it("is dropped as a whole when the peer is gone", () => {
    const queue = queueOf()
    fill(queue, 4)
    queue.clear()
    expect([queue.isEmpty, queue.bytes, queue.dropped]).toEqual([true, 0, 4])
  })
})
