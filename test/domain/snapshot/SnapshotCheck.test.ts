import * as Result from "effect/Result"
import { describe, expect, it } from "vitest"
import { ClusterId, type LogIndex, type Term } from "../../../src/domain/Ids.ts"
import * as DurableSnapshot from "../../../src/domain/snapshot/DurableSnapshot.ts"
import * as SnapshotCheck from "../../../src/domain/snapshot/SnapshotCheck.ts"
import { identity, stateAt } from "../../support/SnapshotStates.ts"
import { stateOnDisk } from "../apply/Replica.ts"

const of = { ceiling: 9 as LogIndex, cutover: 0 as LogIndex, term: 3 as Term }

/** A store with the state of index 9, term 3. */
function saved() {
  const { store } = stateOnDisk()
  store.transact((transaction) => stateAt(9, 3).save(transaction, undefined))
  return store
}

const reasonOf = (
  reader: Parameters<typeof SnapshotCheck.check>[0],
  expected: Partial<SnapshotCheck.Expected>
) => {
  const checked = SnapshotCheck.check(reader, { ...identity, of, ...expected })
  if (Result.isSuccess(checked)) return "none"
  const { failure } = checked
  return failure._tag === "SnapshotInconsistent" ? failure.reason : failure._tag
}

describe("SnapshotCheck", () => {
  it("takes a state that is what the header says, and gives what is in it", () => {
    const { reader } = saved()
    const checked = Result.getOrThrow(SnapshotCheck.check(reader, { ...identity, of }))
    expect(checked.applied).toMatchObject({ index: 9, term: 3 })
    expect(checked.members.configuration.voters).toEqual([1, 2, 3])
  })

  it("refuses one that is not, by what differs", () => {
    const { reader } = saved()
    const other = ClusterId.make("ff".repeat(16))
    expect(reasonOf(reader, { of: { ...of, ceiling: 10 as LogIndex } })).toBe("appliedIndex")
    expect(reasonOf(reader, { of: { ...of, term: 4 as Term } })).toBe("term")
    expect(reasonOf(reader, { of: { ...of, cutover: 5 as LogIndex } })).toBe("cutover")
    expect(reasonOf(reader, { clusterId: other })).toBe("cluster")
    expect(reasonOf(stateOnDisk().store.reader, {})).toBe("empty")
  })

  it("refuses one whose records do not load", () => {
    const store = saved()
    store.transact((transaction) => transaction.put("sidecar", Buffer.of(0), Buffer.from("x")))
    expect(reasonOf(store.reader, {})).toBe("RecordCorrupted")
  })
})

describe("DurableSnapshot", () => {
  it("is the position and the configuration of the state; none before the first entry", () => {
    const { groupId } = identity
    expect(DurableSnapshot.read(saved().reader, groupId)).toMatchObject({
      index: 9,
      term: 3,
      membership: { voters: [1, 2, 3] }
    })
    const { store } = stateOnDisk()
    expect(DurableSnapshot.read(store.reader, groupId)).toBeUndefined()
    store.transact((transaction) => stateAt(0, 0).save(transaction, undefined))
    expect(DurableSnapshot.read(store.reader, groupId)).toBeUndefined()
    store.transact((transaction) => transaction.put("applied", Buffer.of(0), Buffer.from("x")))
    expect(() => DurableSnapshot.read(store.reader, groupId)).toThrow("applied")
  })
})
