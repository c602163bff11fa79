import { describe, expect, it } from "vitest"
import type { LogIndex } from "../../../src/domain/Ids.ts"
import { SessionId } from "../../../src/domain/log/Request.ts"
import { IdleSessions } from "../../../src/domain/session/IdleSessions.ts"

const at = (id: number, index: number) => ({
  sessionId: SessionId.make(String(id).padStart(32, "0")),
  lastIndex: index as LogIndex
})

describe("idle sessions", () => {
  it("may end once they were seen at the same entry for their time", () => {
    const idle = new IdleSessions({ idleMillis: 100 })
    expect(idle.look([at(1, 5), at(2, 6)], 1_000)).toEqual([])
    expect(idle.look([at(1, 5), at(2, 6)], 1_099)).toEqual([])
    expect(idle.look([at(1, 5), at(2, 7)], 1_100)).toEqual([at(1, 5)])
    expect(idle.look([at(2, 7)], 1_199)).toEqual([])
    expect(idle.look([at(2, 7)], 1_200)).toEqual([at(2, 7)])
  })

  it("count anew when the node has led no more, and when they were gone", () => {
    const idle = new IdleSessions({ idleMillis: 100 })
    idle.look([at(1, 5)], 1_000)
    idle.forget()
    expect(idle.look([at(1, 5)], 1_100)).toEqual([])
    idle.look([], 1_150)
    expect(idle.look([at(1, 5)], 1_200)).toEqual([])
    expect(idle.look([at(1, 5)], 1_300)).toEqual([at(1, 5)])
  })
})
