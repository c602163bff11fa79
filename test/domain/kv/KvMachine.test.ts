import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as SealedValueStore from "../../../src/domain/apply/SealedValueStore.ts"
import * as SidecarState from "../../../src/domain/encryption/SidecarState.ts"
import type { KeyId, LogIndex } from "../../../src/domain/Ids.ts"
import { Revision } from "../../../src/domain/Ids.ts"
import * as Command from "../../../src/domain/kv/Command.ts"
import * as KvMachine from "../../../src/domain/kv/KvMachine.ts"
import * as KvResult from "../../../src/domain/kv/Result.ts"
import * as Span from "../../../src/domain/kv/Span.ts"
import type { Compare, Operation } from "../../../src/domain/kv/Txn.ts"
import * as Value from "../../../src/domain/kv/Value.ts"
import * as Limits from "../../../src/domain/Limits.ts"
import { Counters } from "../../../src/domain/telemetry/Counters.ts"
import { seededNumbers } from "../../support/SeededNumbers.ts"
import { allKeys, clusterId, groupId, stateOnDisk, storageKeyId, text } from "../apply/Replica.ts"
import { drawCommand, KvModel } from "./KvModel.ts"

const never = Number.MAX_SAFE_INTEGER

/** The machine over a real store, one commit per request; values are sealed above a revision. */
function machine({ plainUntil }: { readonly plainUntil: number }) {
  const { store } = stateOnDisk()
  let revision = Revision.make(0)
  /** The nonces of every value that was ever written. */
  const sealed = new Set<string>()
  const common = { counters: new Counters(), groupId, keys: allKeys }
  const readingNow = () => ({ ...common, sidecar: sidecarOf(plainUntil), revision })

  const apply = (command: Command.Command) =>
    store.transact((transaction) => {
      const watched: typeof transaction = {
        get: (table, key) => transaction.get(table, key),
        range: (table, range) => transaction.range(table, range),
        remove: (table, key) => transaction.remove(table, key),
        put: (table, key, value) => {
          note(value)
          transaction.put(table, key, value)
        }
      }
      const values = new SealedValueStore.SealedValueStore(watched, readingNow())
      const result = KvMachine.apply(Command.encode(command), values)
      revision = values.revision
      return Result.getOrThrow(KvResult.decode(result))
    })
  const note = (value: Uint8Array) => {
    const { bytes, isSealed } = Result.getOrThrow(Value.decode(value))
    if (!isSealed) return
    const nonce = Buffer.from(bytes.subarray(6, 18)).toString("hex")
    expect(sealed.has(nonce), "a nonce is used once").toBe(false)
    sealed.add(nonce)
  }
  const read = (query: Command.Command) => {
    const values = SealedValueStore.reader(store.reader, readingNow())
    return Result.getOrThrow(KvResult.decode(KvMachine.read(Command.encode(query), values)))
  }
  return { apply, read, sealedCount: () => sealed.size }
}

const sidecarOf = (plainUntil: number): SidecarState.SidecarState => {
  const initial = SidecarState.initial(clusterId)
  if (plainUntil === never) return initial
  return {
    ...initial,
    active: { storage: storageKeyId, raft: 9 as KeyId },
    storageEnvelopeIndex: 1 as LogIndex,
    storageEnvelopeRevision: Revision.make(plainUntil)
  }
}

const put = (key: string, value: string | Uint8Array): Operation => ({
  _tag: "Put",
  key: text(key),
  value: typeof value === "string" ? text(value) : value
})
const get = (key: string): Operation => ({ _tag: "Get", key: text(key) })
const remove = (key: string): Operation => ({ _tag: "Delete", key: text(key) })
const txn = (...onSuccess: ReadonlyArray<Operation>) =>
  ({ _tag: "Txn", compares: [], onSuccess, onFailure: [] }) as const

const stores = [
  { name: "a plaintext store", plainUntil: never },
  { name: "a sealed store", plainUntil: 0 },
  { name: "a store that began to seal at some time", plainUntil: 30 }
]

for (const { name, plainUntil } of stores) {
  describe(`KvMachine over ${name}`, () => {
    it("does what a map does: every request, revisions included", () => {
      const seen = new Set<string>()
      for (let seed = 1; seed <= 20; seed++) {
        const numbers = seededNumbers(seed)
        const real = machine({ plainUntil })
        const model = new KvModel()
        for (let step = 0; step < 150; step++) {
          const command = drawCommand(numbers, model.revision)
          const where = `seed ${seed}, step ${step}, ${command._tag}`
          if (Command.isReadOnly(command)) {
            expect(real.read(command), where).toEqual(model.apply(command))
          }
          const result = real.apply(command)
          expect(result, where).toEqual(model.apply(command))
          seen.add(result._tag === "TxnDone" ? `${result._tag} ${result.succeeded}` : result._tag)
        }
        expect(real.sealedCount() > 0, "something was sealed").toBe(plainUntil !== never)
      }
      expect([...seen].sort()).toEqual([
        "Deleted",
        "Entries",
        "Found",
        "NotFound",
        "TxnDone false",
        "TxnDone true",
        "Written"
      ])
    })

    it("pages of a range hold every key once, also those that others write in between", () => {
      for (let seed = 1; seed <= 20; seed++) {
        const numbers = seededNumbers(seed)
        const real = machine({ plainUntil })
        const model = new KvModel()
        const write = () => {
          const command = drawCommand(numbers, model.revision)
          real.apply(command)
          model.apply(command)
        }
        for (let step = 0; step < 60; step++) write()
        const always = new Set(model.keys())
        const ever = new Set(model.keys())
        const found: Array<string> = []
        let continuation: Uint8Array | undefined
        do {
          const page = real.read({ _tag: "Range", span: Span.all, limit: 2, continuation })
          if (page._tag !== "Entries") throw new Error(page._tag)
          found.push(...page.entries.map(({ key }) => Buffer.from(key).toString("latin1")))
          continuation = page.isComplete ? undefined : page.entries.at(-1)?.key
          write()
          for (const key of always) if (!model.keys().includes(key)) always.delete(key)
          for (const key of model.keys()) ever.add(key)
        } while (continuation !== undefined)
        expect(found, `seed ${seed}`).toEqual([...new Set(found)].sort())
        for (const key of always) expect(found, `seed ${seed}`).toContain(key)
        for (const key of found) expect(ever, `seed ${seed}`).toContain(key)
      }
    })

    it("a page ends before its bytes pass the bound, and says that there is more", () => {
      const real = machine({ plainUntil })
      const value = Buffer.alloc(Limits.valueBytesMax, 7)
      for (const key of ["a", "b", "c", "d", "e"]) real.apply(put(key, value))
      const range = { _tag: "Range", span: Span.all, limit: 10 } as const
      const first = real.read({ ...range, continuation: undefined })
      if (first._tag !== "Entries") throw new Error(first._tag)
      expect(first.entries.map(({ key }) => Buffer.from(key).toString())).toEqual(["a", "b", "c"])
      expect(first.isComplete).toBe(false)
      const second = real.read({ ...range, continuation: text("c") })
      if (second._tag !== "Entries") throw new Error(second._tag)
      expect(second.entries.map(({ key }) => Buffer.from(key).toString())).toEqual(["d", "e"])
      expect(second.isComplete).toBe(true)
      const full = Buffer.alloc(Limits.valueBytesMax - 1, 7)
      for (const key of ["a", "b", "c", "d"]) real.apply(put(key, full))
      const exact = real.read({ ...range, limit: 4, continuation: undefined })
      expect(exact).toMatchObject({ _tag: "Entries", isComplete: false })
      if (exact._tag !== "Entries") throw new Error(exact._tag)
      expect(exact.entries).toHaveLength(4)
    })

    it("a transaction that would read too much changes nothing", () => {
      const real = machine({ plainUntil })
      const value = Buffer.alloc(Limits.valueBytesMax)
      for (const key of ["a", "b", "c", "d"]) real.apply(put(key, value))
      const gets = ["a", "b", "c", "d"].map(get)
      expect(real.apply(txn(put("new", "1"), ...gets))).toEqual({ _tag: "TxnReadTooLarge" })
      expect(real.read(txn(...gets))).toEqual({ _tag: "TxnReadTooLarge" })
      expect(real.read({ _tag: "Get", key: text("new") })).toEqual({ _tag: "NotFound" })
      expect(real.read(txn(...gets.slice(1)))).toMatchObject({ _tag: "TxnDone", revision: 4 })

      const comparing = (count: number, compare: Compare) => {
        const compares = Array.from({ length: count }, () => compare)
        return real.apply({ ...txn(put("new", "1")), compares })
      }
      const key = text("a")
      const operator = "greater"
      const large: Compare = { _tag: "Value", key, operator, value: text("") }
      expect(comparing(4, large)).toEqual({ _tag: "TxnReadTooLarge" })
      const differs: Compare = { ...large, value: text("z") }
      expect(comparing(4, differs), "ends at the first").toMatchObject({ succeeded: false })
      expect(real.read({ _tag: "Get", key: text("new") })).toEqual({ _tag: "NotFound" })
      const isThere: Compare = { _tag: "Exists", key, exists: true }
      expect(comparing(128, isThere)).toMatchObject({ _tag: "TxnDone", succeeded: true })
    })
  })
}

describe("a transaction", () => {
  it("takes one revision, or none if it changes nothing", () => {
    const real = machine({ plainUntil: 0 })
    expect(real.apply(txn(put("a", "1"), put("b", "2"), remove("c")))).toMatchObject({
      revision: 1,
      results: [
        { _tag: "Written", revision: 1 },
        { _tag: "Written", revision: 1 },
        { _tag: "Deleted", revision: 1, deleted: false }
      ]
    })
    expect(real.apply(txn(remove("c"), get("a")))).toMatchObject({ revision: 1 })
    expect(real.apply(txn())).toMatchObject({ succeeded: true, revision: 1, results: [] })
    expect(real.apply(txn(put("a", "3")))).toMatchObject({ revision: 2 })
    const found = { value: text("3"), revision: 2, createRevision: 1 }
    expect(real.read({ _tag: "Get", key: text("a") })).toEqual({ _tag: "Found", found })
  })

  it("compares a key that is not there: revision 0, and a value that differs from every one", () => {
    const real = machine({ plainUntil: never })
    const key = text("nowhere")
    const holds = (compare: Command.Command & { _tag: "Txn" }) => {
      const result = real.read(compare)
      return result._tag === "TxnDone" && result.succeeded
    }
    for (const operator of ["equal", "notEqual", "less", "greater"] as const) {
      const value = { _tag: "Value", key, operator, value: text("") } as const
      expect(holds({ ...txn(), compares: [value] }), operator).toBe(operator === "notEqual")
      const revision = { _tag: "Revision", key, operator, revision: Revision.make(0) } as const
      expect(holds({ ...txn(), compares: [revision] }), operator).toBe(operator === "equal")
    }
  })
})

describe("a query", () => {
  it("that changes something is a bug of the caller", () => {
    const { read } = machine({ plainUntil: never })
    const onFailure = { ...txn(), onFailure: [put("a", "1")] }
    for (const command of [put("a", "1"), remove("a"), txn(remove("a")), onFailure]) {
      expect(() => read(command)).toThrow("a query changes nothing")
    }
  })

  it("that is no request is Malformed", () => {
    const values = SealedValueStore.reader(stateOnDisk().store.reader, {
      counters: new Counters(),
      groupId,
      keys: allKeys,
      sidecar: sidecarOf(never),
      revision: Revision.make(0)
    })
    expect(() => KvMachine.read(Buffer.of(99), values)).toThrow(
      expect.objectContaining({ _tag: "Malformed" })
    )
  })
})
