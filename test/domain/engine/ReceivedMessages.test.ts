import { describe, expect, it } from "vitest"
import { ReceivedMessages } from "../../../src/domain/engine/ReceivedMessages.ts"
import type { LogIndex, MemberId, Term } from "../../../src/domain/Ids.ts"
import type { Message } from "../../../src/domain/raft/Message.ts"

const append = (bytes: number): Message => ({
  _tag: "Append",
  from: 1 as MemberId,
  to: 2 as MemberId,
  term: 1 as Term,
  previous: { term: 0 as Term, index: 0 as LogIndex },
  entries: [{ term: 1 as Term, index: 1 as LogIndex, kind: "normal", data: Buffer.alloc(bytes) }],
  commit: 0 as LogIndex
})

describe("received messages (SPEC §9)", () => {
  it("wait within a bound, and a lone one always finds room", () => {
    const received = new ReceivedMessages({ bytesMax: 1_000 })
    const [large, small] = [append(5_000), append(100)]
    expect(received.admit(large)).toBe(true)
    expect(received.admit(small)).toBe(false)
    received.taken(large)
    expect(received.bytes).toBe(0)
    const admitted = Array.from({ length: 20 }, () => received.admit(small))
    expect(admitted.indexOf(false)).toBeGreaterThan(1)
    expect(received.bytes).toBeLessThanOrEqual(1_000)
    received.taken(small)
    expect(received.admit(small)).toBe(true)
  })
})
