import { describe, expect, it } from "vitest"
import * as Sidecar from "../../../src/domain/encryption/SidecarState.ts"
import type { LogIndex } from "../../../src/domain/Ids.ts"
import * as Limits from "../../../src/domain/Limits.ts"
import { SessionId } from "../../../src/domain/log/Request.ts"
import * as SessionRecord from "../../../src/domain/session/SessionRecord.ts"
import * as SessionTable from "../../../src/domain/session/SessionTable.ts"
import { seededNumbers } from "../../support/SeededNumbers.ts"
import {
  allKeys,
  clusterId,
  groupId,
  raftKeyId,
  stateOnDisk,
  storageKeyId,
  text
} from "../apply/Replica.ts"

const idOf = (value: number) => SessionId.make(value.toString(16).padStart(32, "0"))
const [a, b] = [idOf(0xa), idOf(0xb)]
const indexOf = (value: number) => value as LogIndex

const plain = Sidecar.initial(clusterId)
/** The storage envelope was enabled by the entry at index 10. */
const sealing: Sidecar.SidecarState = {
  ...plain,
  active: { storage: storageKeyId, raft: raftKeyId },
  storageEnvelopeIndex: indexOf(10)
}

/** The table as the applier uses it: every call is a commit. */
function tableOn(sidecar = plain) {
  const { contents, disk, store } = stateOnDisk()
  const context = { groupId, keys: allKeys, sidecar }
  return {
    disk,
    rows: () => contents().sessions,
    open: (sessionId: SessionId, index = 1) =>
      store.transact((tx) => SessionTable.open(tx, groupId, { sessionId, index: indexOf(index) })),
    /** As they are seen now. */
    expire: (...sessionIds: ReadonlyArray<SessionId>) =>
      store.transact((tx) => {
        const all = SessionTable.list(tx, groupId, { after: undefined, limit: 5_000 })
        const ended = sessionIds.map((id) => all.find(({ sessionId }) => sessionId === id))
        return SessionTable.expire(
          tx,
          groupId,
          ended.filter((session) => session !== undefined)
        )
      }),
    expireSeenAt: (sessionId: SessionId, index: number) =>
      store.transact((tx) =>
        SessionTable.expire(tx, groupId, [{ sessionId, lastIndex: indexOf(index) }])
      ),
    list: (after?: SessionId, limit = 100) =>
      SessionTable.list(store.reader, groupId, { after, limit }),
    find: (sessionId: SessionId, sequence: number) =>
      SessionTable.find(store.reader, context, { sessionId, sequence }),
    /** Applies a write as the applier would; answers what it is told. */
    write: (sessionId: SessionId, sequence: number, result: Uint8Array, index = 20) =>
      store.transact((tx) => {
        const known = SessionTable.find(tx, context, { sessionId, sequence })
        if (known._tag !== "New") return known
        const place = { index: indexOf(index), position: sequence % 7 }
        const { session } = known
        SessionTable.record(tx, context, { sessionId, sequence, session, place, result })
        return { _tag: "Applied" } as const
      })
  }
}

const repeated = (result: string) => ({ _tag: "Repeated", result: text(result) })
const refused = (tag: string) => ({ _tag: "Refused", refusal: { _tag: tag } })

describe("client sessions (SPEC §7)", () => {
  it("answer a repeated write with its first result, whatever came between", () => {
    const table = tableOn()
    expect(table.open(a)).toEqual({ _tag: "Opened" })
    expect(table.open(b)).toEqual({ _tag: "Opened" })
    expect(table.write(a, 2, text("two"))._tag).toBe("Applied")
    expect(table.write(a, 1, text("one"))._tag).toBe("Applied")
    expect(table.write(b, 1, text("other"))._tag).toBe("Applied")
    expect(table.write(a, 1, text("again"))).toEqual(repeated("one"))
    expect(table.write(a, 2, text("again"))).toEqual(repeated("two"))
    expect(table.find(b, 1)).toEqual(repeated("other"))
    expect(table.find(b, 2)._tag).toBe("New")
  })

  it("are opened once under an id, and unknown before and after", () => {
    const table = tableOn()
    expect(table.write(a, 1, text("one"))).toMatchObject(refused("SessionUnknown"))
    table.open(a)
    table.write(a, 1, text("one"))
    expect(table.open(a)).toEqual({ _tag: "AlreadyOpen" })
    expect(table.find(a, 1)).toEqual(repeated("one"))
    expect(table.expire(b, a, a)).toBe(1)
    expect(table.find(a, 1)).toMatchObject(refused("SessionUnknown"))
    expect(table.rows()).toHaveLength(1)
    table.open(a)
    expect(table.find(a, 1)._tag).toBe("New")
  })

  it("that were used since somebody looked are not expired", () => {
    const table = tableOn()
    table.open(a, 4)
    table.write(a, 1, text("one"), 9)
    expect(table.expireSeenAt(a, 4)).toBe(0)
    expect(table.expireSeenAt(b, 4)).toBe(0)
    expect(table.find(a, 1)).toEqual(repeated("one"))
    expect(table.expireSeenAt(a, 9)).toBe(1)
    expect(table.find(a, 1)).toMatchObject(refused("SessionUnknown"))
  })

  it("forget the oldest results beyond the count, and refuse what they forget", () => {
    const table = tableOn()
    table.open(a)
    const { sessionResultsMax } = Limits
    for (let sequence = 1; sequence <= sessionResultsMax + 3; sequence++) {
      table.write(a, sequence, text(`${sequence}`))
    }
    expect(table.find(a, 3)).toMatchObject({
      refusal: { _tag: "SequenceForgotten", sequence: 3, floor: 3 }
    })
    expect(table.find(a, 4)).toEqual(repeated("4"))
    expect(table.find(a, sessionResultsMax + 3)).toEqual(repeated(`${sessionResultsMax + 3}`))
    expect(table.rows()).toHaveLength(2 + sessionResultsMax)
  })

  it("forget by bytes too, but never the newest result", () => {
    const table = tableOn()
    table.open(a)
    const large = Buffer.alloc(Limits.sessionResultBytesMax)
    table.write(a, 1, text("one"))
    table.write(a, 2, large)
    expect(table.find(a, 1)).toMatchObject(refused("SequenceForgotten"))
    expect(table.find(a, 2)).toEqual({ _tag: "Repeated", result: large })
    table.write(a, 3, text("three"))
    expect(table.find(a, 2)).toMatchObject(refused("SequenceForgotten"))
    expect(table.find(a, 3)).toEqual(repeated("three"))
  })

  it("are bounded in number", () => {
    const table = tableOn()
    for (let at = 0; at < Limits.sessionsMax; at++) table.open(idOf(at))
    expect(table.open(idOf(-1 >>> 0))).toMatchObject(refused("TooManySessions"))
    expect(table.open(idOf(5))).toEqual({ _tag: "AlreadyOpen" })
    table.expire(idOf(7))
    expect(table.open(idOf(-1 >>> 0))).toEqual({ _tag: "Opened" })
  })

  it("are listed in pages, with the entry of their last write", () => {
    const table = tableOn()
    for (const [at, id] of [idOf(3), a, b].entries()) table.open(id, at + 1)
    table.write(a, 1, text("one"), 30)
    const found = table.list(undefined, 2)
    expect(found.map(({ lastIndex, sessionId }) => [sessionId, lastIndex])).toEqual([
      [idOf(3), 1],
      [a, 30]
    ])
    expect(table.list(found[1]!.sessionId).map(({ sessionId }) => sessionId)).toEqual([b])
  })

  it("keep results in clear only until the storage envelope is enabled", () => {
    const table = tableOn(sealing)
    table.open(a)
    table.write(a, 1, text("of before"), 10)
    table.write(a, 2, text("a secret value"), 11)
    const all = Buffer.concat(table.rows().map(({ value }) => Buffer.from(value))).toString(
      "latin1"
    )
    expect(all).toContain("of before")
    expect(all).not.toContain("secret")
    expect(table.find(a, 1)).toEqual(repeated("of before"))
    expect(table.find(a, 2)).toEqual(repeated("a secret value"))
  })

  it("take a result in clear that should be sealed, or was moved, for corruption", () => {
    const table = tableOn(sealing)
    table.open(a)
    table.write(a, 1, text("one"), 11)
    const put = (sequence: number, result: Omit<SessionRecord.StoredResult, "position">) => {
      const key = SessionRecord.resultKey({ sessionId: a, sequence })
      const value = SessionRecord.encodeResult(groupId, key, { position: 0, ...result })
      table.disk.tables.sessions.set(key.toString("latin1"), value)
    }
    put(2, { index: indexOf(11), isSealed: false, bytes: text("two") })
    expect(() => table.find(a, 2)).toThrow("notSealed")
    const sealed = SessionRecord.decodeResult(groupId, table.rows().at(-2)!)
    put(3, sealed._tag === "Success" ? sealed.success : expect.unreachable())
    expect(() => table.find(a, 3)).toThrow("tagMismatch")
  })

  it("agree with a map over random writes, repetitions and expiries", () => {
    const numbers = seededNumbers(3)
    for (let round = 0; round < 20; round++) {
      const table = tableOn(numbers.below(2) === 0 ? plain : sealing)
      const model = new Map<string, Map<number, string>>()
      for (let step = 1; step <= 120; step++) {
        const id = idOf(1 + numbers.below(3))
        const sequence = 1 + numbers.below(30)
        const choice = numbers.below(12)
        const known = model.get(id)
        if (choice === 0) {
          expect(table.open(id)._tag).toBe(known === undefined ? "Opened" : "AlreadyOpen")
          if (known === undefined) model.set(id, new Map())
        } else if (choice === 1) {
          expect(table.expire(id)).toBe(known === undefined ? 0 : 1)
          model.delete(id)
        } else {
          const told = table.write(id, sequence, text(`${step}`), 5 + step)
          const first = known?.get(sequence)
          if (known === undefined) expect(told).toMatchObject(refused("SessionUnknown"))
          else if (first !== undefined) expect(told).toEqual(repeated(first))
          else {
            expect(told._tag).toBe("Applied")
            known.set(sequence, `${step}`)
          }
        }
      }
      const results = [...model.values()].reduce((sum, known) => sum + known.size, 0)
      expect(table.rows().length).toBe((table.rows().length > 0 ? 1 : 0) + model.size + results)
    }
  })
})
