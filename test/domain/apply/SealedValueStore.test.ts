import { describe, expect, it } from "vitest"
import { reader, SealedValueStore } from "../../../src/domain/apply/SealedValueStore.ts"
import type { KeyLookup } from "../../../src/domain/encryption/Envelope.ts"
import * as Sidecar from "../../../src/domain/encryption/SidecarState.ts"
import type { KeyId, LogIndex, Revision } from "../../../src/domain/Ids.ts"
import * as Value from "../../../src/domain/kv/Value.ts"
import type { StateReader } from "../../../src/domain/state/StateTransaction.ts"
import { Counters } from "../../../src/domain/telemetry/Counters.ts"
import {
  allKeys,
  clusterId,
  groupId,
  holding,
  raftKey,
  stateOnDisk,
  storageKeyId,
  text
} from "./Replica.ts"

const plain = Sidecar.initial(clusterId)
/** Enabled at index 4, when the store had revision 2. */
const sealing: Sidecar.SidecarState = {
  ...plain,
  active: { storage: storageKeyId, raft: 9 as KeyId },
  storageEnvelopeIndex: 4 as LogIndex,
  storageEnvelopeRevision: 2 as Revision
}

/** Requests one after the other, as the applier runs them. */
function machine(sidecar: Sidecar.SidecarState, startRevision = 0) {
  const { disk, store } = stateOnDisk()
  let revision = startRevision as Revision
  let keys: KeyLookup = allKeys
  const request = <A>(body: (values: SealedValueStore) => A, inPhase = sidecar): A =>
    store.transact((transaction) => {
      const values = new SealedValueStore(transaction, {
        counters: new Counters(),
        groupId,
        keys,
        sidecar: inPhase,
        revision
      })
      const result = body(values)
      revision = values.revision
      return result
    })
  const stored = (key: string) => Buffer.from(store.reader.get("kv", text(key))!)
  const overwrite = (key: string, bytes: Uint8Array) =>
    store.transact((transaction) => transaction.put("kv", text(key), bytes))
  const hold = (lookup: KeyLookup) => {
    keys = lookup
  }
  return { disk, hold, overwrite, request, revisionNow: () => revision, store, stored }
}

const get = (key: string) => (values: SealedValueStore) => {
  const found = values.get(text(key))
  return found && { ...found, value: Buffer.from(found.value).toString() }
}

const corrupted = (reason: string) => expect.objectContaining({ _tag: "ValueCorrupted", reason })

const thrownBy = (body: () => unknown): unknown => {
  try {
    body()
  } catch (error) {
    return error
  }
  return undefined
}

describe("revisions (SPEC §7)", () => {
  it("one per request that changes anything; reads and vain deletes take none", () => {
    const { request, revisionNow } = machine(plain)
    request((values) => {
      expect(values.put(text("a"), text("1"))).toBe(1)
      expect(values.put(text("b"), text("2"))).toBe(1)
      expect(values.remove(text("b"))).toBe(true)
    })
    expect(revisionNow()).toBe(1)
    request((values) => expect(values.remove(text("b"))).toBe(false))
    request(get("a"))
    expect(revisionNow()).toBe(1)
    request((values) => values.put(text("a"), text("3")))
    expect(request(get("a"))).toEqual({ value: "3", revision: 2, createRevision: 1 })
  })

  it("reads see the writes of their own request, in half-open ranges", () => {
    const { request } = machine(sealing, 2)
    request((values) => {
      for (const key of ["a", "b", "c"]) values.put(text(key), text(`of ${key}`))
      const query = { from: text("a"), until: undefined, limit: 10, bytesMax: 1000 }
      const found = values.range({ ...query, until: text("c") })
      const texts = found.entries.map(({ value }) => Buffer.from(value).toString())
      expect({ texts, isComplete: found.isComplete }).toEqual({
        texts: ["of a", "of b"],
        isComplete: true
      })
      expect(values.range({ ...query, limit: 1 })).toMatchObject({
        entries: [{ key: text("a") }],
        isComplete: false
      })
    })
  })
})

describe("what a read opens (SPEC §7)", () => {
  /** 200 values of 1,000 bytes, and what reading them takes. */
  function watched() {
    const { request, store } = machine(sealing, 2)
    request((values) => {
      for (let at = 100; at < 300; at++) values.put(text(`k${at}`), Buffer.alloc(1_000))
    })
    const counters = new Counters()
    let rows = 0
    const state: StateReader = {
      get: store.reader.get,
      range: (table, range) => {
        const found = store.reader.range(table, range)
        rows += found.length
        return found
      }
    }
    const reading = { counters, groupId, keys: allKeys, sidecar: sealing, revision: 3 as Revision }
    return { values: reader(state, reading), counters, rows: () => rows }
  }
  const query = { from: text("k"), until: undefined, limit: 100, bytesMax: 1_000_000 }

  it("a range opens what it answers and nothing else, and copies few rows more", () => {
    for (const [limit, bytesMax, expected, rowsMax] of [
      [100, 3 * 1_004, 3, 4],
      [100, 3 * 1_004 + 1_003, 3, 4],
      [1, 1, 1, 2],
      [60, 1_000_000, 60, 61],
      [150, 1_000_000, 150, 151]
    ] as const) {
      const { counters, rows, values } = watched()
      const { entries, isComplete } = values.range({ ...query, limit, bytesMax })
      expect(entries).toHaveLength(expected)
      expect(isComplete).toBe(false)
      expect(counters.opens.storage).toBe(expected)
      expect(rows()).toBeLessThanOrEqual(rowsMax)
    }
    const { values } = watched()
    expect(values.range({ ...query, limit: 200 })).toMatchObject({ isComplete: true })
  })

  it("revisions are read without opening the value", () => {
    const { counters, values } = watched()
    expect(values.revisionsOf(text("k100"))).toEqual({ revision: 3, createRevision: 3 })
    expect(values.revisionsOf(text("nowhere"))).toBeUndefined()
    expect(counters.opens.storage).toBe(0)
  })
})

describe("sealing (SPEC §5, §6)", () => {
  it("is plain in phase 0 and sealed from then on, as the header says", () => {
    const { request, stored } = machine(plain)
    request((values) => values.put(text("a"), text("canary")))
    expect(stored("a").includes("canary")).toBe(true)
    expect(stored("a")[0]).toBe(0)
    request((values) => values.put(text("filler"), text("")))
    request((values) => values.put(text("b"), text("canary")), sealing)
    expect(stored("b").includes("canary")).toBe(false)
    expect(stored("b")[0]).toBe(1)
    expect(request(get("a"), sealing)?.value).toBe("canary")
    expect(request(get("b"), sealing)?.value).toBe("canary")
  })

  it("writes the same bytes on every replica, and other nonces for each operation", () => {
    const write = (values: SealedValueStore) => {
      for (const key of ["a", "b", "c"]) values.put(text(key), text("equal"))
    }
    const one = machine(sealing, 2)
    const other = machine(sealing, 2)
    one.request(write)
    other.request(write)
    const nonces = ["a", "b", "c"].map((key) => {
      expect(one.stored(key)).toEqual(other.stored(key))
      return one
        .stored(key)
        .subarray(Value.headerBytes + 6, Value.headerBytes + 18)
        .toString("hex")
    })
    expect(new Set(nonces).size).toBe(3)
  })

  it("a value moved to another key, or put back under a later header, does not open", () => {
    const { overwrite, request, stored } = machine(sealing, 2)
    request((values) => values.put(text("a"), text("old")))
    const old = stored("a")
    request((values) => values.put(text("a"), text("new")))
    const fresh = stored("a")
    overwrite("b", fresh)
    expect(thrownBy(() => request(get("b")))).toEqual(corrupted("tagMismatch"))
    const header = fresh.subarray(0, Value.headerBytes)
    overwrite("a", Buffer.concat([header, old.subarray(Value.headerBytes)]))
    expect(thrownBy(() => request(get("a")))).toEqual(corrupted("tagMismatch"))
  })

  it("refuses plaintext of a time when all was sealed, an unknown flag and an unknown key", () => {
    const { hold, overwrite, request, stored } = machine(sealing, 2)
    const value = { isSealed: false, createRevision: 3 as Revision, bytes: text("plain") }
    overwrite("a", Value.encode({ ...value, revision: 3 as Revision }))
    expect(thrownBy(() => request(get("a")))).toEqual(corrupted("notSealed"))
    request((values) => values.put(text("b"), text("sealed")))
    const flagged = stored("b")
    flagged[0] = 2
    overwrite("c", flagged)
    expect(thrownBy(() => request(get("c")))).toEqual(corrupted("badHeader"))
    hold(holding(raftKey))
    expect(thrownBy(() => request(get("b")))).toEqual(corrupted("unknownKeyId"))
  })
})
