import { describe, expect, it } from "vitest"
import * as ReplicatedState from "../../../src/domain/apply/ReplicatedState.ts"
import * as SealedState from "../../../src/domain/apply/SealedState.ts"
import * as SidecarState from "../../../src/domain/encryption/SidecarState.ts"
import * as WriterRegistry from "../../../src/domain/encryption/WriterRegistry.ts"
import * as Value from "../../../src/domain/kv/Value.ts"
import * as Samples from "../encryption/Samples.ts"
import { clusterId, groupId, raftKeyId, stateOnDisk, storageKeyId } from "./Replica.ts"

const { index, revision } = Samples

const initial = () => ReplicatedState.initial({ groupId, clusterId })

const keyOf = (number: number) => Buffer.from(number.toString().padStart(6, "0"))

/** A state of so many values, of which those at `sealed` say that they are sealed. */
function readerOf({ count, sealed = [] }: { count: number; sealed?: ReadonlyArray<number> }) {
  const { store } = stateOnDisk()
  store.transact((transaction) => {
    for (let number = 0; number < count; number++) {
      const value = Value.encode({
        isSealed: sealed.includes(number),
        revision: revision(number + 1),
        createRevision: revision(number + 1),
        bytes: Buffer.alloc(3)
      })
      transaction.put("kv", keyOf(number), value)
    }
  })
  return store.reader
}

const bootstrapped = () => {
  const state = initial()
  state.sidecar = SidecarState.bootstrap(
    state.sidecar,
    {
      storage: { keyId: storageKeyId, wrapped: Uint8Array.of(1) },
      raft: { keyId: raftKeyId, wrapped: Uint8Array.of(2) }
    },
    { index: index(3) }
  ).state
  state.registry = WriterRegistry.allocate(state.registry, Samples.writer).registry
  return state
}

const enabled = () => {
  const state = bootstrapped()
  const at = { index: index(4), revision: revision(0) }
  state.sidecar = SidecarState.enableStorageEnvelope(state.sidecar, { storageKeyId }, at).state
  return state
}

describe("sealed state beside a sidecar of phase 0 (SPEC §17)", () => {
  it.each([0, 1, 15, 16, 17, 100])("%i plain values are no problem", (count) => {
    expect(SealedState.problemOf(initial(), readerOf({ count }))).toBeUndefined()
    expect(SealedState.problemOf(bootstrapped(), readerOf({ count }))).toBeUndefined()
  })

  it.each([0, 15, 16, 40, 99])("a sealed value is one, the %ith of 100", (at) => {
    const reader = readerOf({ count: 100, sealed: [at] })
    const expected = { _tag: "SealedStateNotEnabled", found: "value", appliedIndex: 0 }
    expect(SealedState.problemOf(initial(), reader)).toMatchObject(expected)
    expect(SealedState.problemOf(bootstrapped(), reader)).toMatchObject(expected)
    expect(SealedState.problemOf(enabled(), reader)).toBeUndefined()
  })

  it("is looked for in a bounded number of values", () => {
    const last = SealedState.valuesMax - 1
    const found = (at: number) =>
      SealedState.problemOf(initial(), readerOf({ count: last + 100, sealed: [at] }))?.found
    expect([found(last), found(last + 1)]).toEqual(["value", undefined])
  })

  it("a writer without any key is one, and with keys is none", () => {
    const state = initial()
    state.registry = bootstrapped().registry
    expect(SealedState.problemOf(state, readerOf({ count: 1 }))).toMatchObject({ found: "writer" })
  })
})
