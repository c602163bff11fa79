import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as SealedValueStore from "../../../src/domain/apply/SealedValueStore.ts"
import * as SidecarState from "../../../src/domain/encryption/SidecarState.ts"
import { Revision } from "../../../src/domain/Ids.ts"
import * as Command from "../../../src/domain/kv/Command.ts"
import * as KvMachine from "../../../src/domain/kv/KvMachine.ts"
import * as KvResult from "../../../src/domain/kv/Result.ts"
import { Counters } from "../../../src/domain/telemetry/Counters.ts"
import { seededNumbers } from "../../support/SeededNumbers.ts"
import { allKeys, clusterId, groupId, stateOnDisk, text } from "../apply/Replica.ts"

/** The machine over a real store, one commit per request. */
function machine() {
  const { store } = stateOnDisk()
  const counters = new Counters()
  const common = { counters, groupId, keys: allKeys, sidecar: SidecarState.initial(clusterId) }
  let revision = Revision.make(0)
  return {
    apply: (command: Command.Command) =>
      store.transact((transaction) => {
        const values = new SealedValueStore.SealedValueStore(transaction, { ...common, revision })
        const result = KvMachine.apply(Command.encode(command), values)
        revision = values.revision
        return Result.getOrThrow(KvResult.decode(result))
      }),
    read: (query: Uint8Array) => {
      const values = SealedValueStore.reader(store.reader, { ...common, revision })
      return Result.getOrThrow(KvResult.decode(KvMachine.read(query, values)))
    }
  }
}

/** The same by a map, and nothing else. */
function model() {
  const found = new Map<string, { value: Buffer; revision: number; createRevision: number }>()
  let revision = 0
  return (command: Command.Put | Command.Delete | Command.Get) => {
    const key = Buffer.from(command.key).toString("hex")
    const before = found.get(key)
    if (command._tag === "Get") {
      return before === undefined ? { _tag: "NotFound" } : { _tag: "Found", found: before }
    }
    if (command._tag === "Put") {
      revision += 1
      const createRevision = before?.createRevision ?? revision
      found.set(key, { value: Buffer.from(command.value), revision, createRevision })
      return { _tag: "Written", revision }
    }
    if (found.delete(key)) revision += 1
    return { _tag: "Deleted", revision, deleted: before !== undefined }
  }
}

describe("KvMachine", () => {
  it("does what a map does, revisions included", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { below } = seededNumbers(seed)
      const real = machine()
      const expected = model()
      for (let step = 0; step < 200; step++) {
        const key = text(`k${below(6)}`)
        const value = Buffer.alloc(below(4), below(256))
        const tag = (["Put", "Delete", "Get"] as const)[below(3)]!
        const command = tag === "Put" ? { _tag: tag, key, value } : { _tag: tag, key }
        expect(real.apply(command), `seed ${seed}, step ${step}`).toEqual(expected(command))
        const get = { _tag: "Get", key } as const
        expect(real.read(Command.encode(get)), `seed ${seed}`).toEqual(expected(get))
      }
    }
  })

  it("a read writes nothing, whatever the request", () => {
    const { apply, read } = machine()
    apply({ _tag: "Put", key: text("a"), value: text("1") })
    const kept = { _tag: "Found", found: { value: text("1"), revision: 1, createRevision: 1 } }
    expect(read(Command.encode({ _tag: "Delete", key: text("a") }))).toEqual(kept)
    expect(read(Command.encode({ _tag: "Put", key: text("a"), value: text("2") }))).toEqual(kept)
    expect(read(Command.encode({ _tag: "Get", key: text("a") }))).toEqual(kept)
  })

  it("throws Malformed for what is no request", () => {
    const { read } = machine()
    expect(() => read(Buffer.of(99))).toThrow(expect.objectContaining({ _tag: "Malformed" }))
  })
})
