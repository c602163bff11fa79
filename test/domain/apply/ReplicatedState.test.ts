import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as ReplicatedState from "../../../src/domain/apply/ReplicatedState.ts"
import * as SidecarState from "../../../src/domain/encryption/SidecarState.ts"
import * as WriterRegistry from "../../../src/domain/encryption/WriterRegistry.ts"
import type { Table } from "../../../src/domain/state/StateTransaction.ts"
import { failureOf, flippedBits } from "../bytes/Decoding.ts"
import * as Samples from "../encryption/Samples.ts"
import { clusterId, groupId, raftKeyId, stateOnDisk, storageKeyId } from "./Replica.ts"

const { index, revision, term } = Samples
const singleton = Buffer.of(0)
const wrapped = Uint8Array.of(1, 2, 3)

/** Bootstrapped by entry 3, with one writer that has registered. */
function bootstrapped(): ReplicatedState.ReplicatedState {
  const state = ReplicatedState.initial({ groupId, clusterId })
  state.sidecar = SidecarState.bootstrap(
    state.sidecar,
    { storage: { keyId: storageKeyId, wrapped }, raft: { keyId: raftKeyId, wrapped } },
    { index: index(3) }
  ).state
  state.registry = registered(state.registry, 1)
  state.applied = { index: index(4), term: term(2), revision: revision(5) }
  return state
}

const registered = (registry: WriterRegistry.WriterRegistry, epoch: number) =>
  WriterRegistry.register(registry, {
    ...Samples.writer,
    keyId: raftKeyId,
    epoch: Samples.epoch(epoch),
    openingId: Samples.openingId
  }).registry

function saved(state = bootstrapped()) {
  const { disk, store } = stateOnDisk()
  store.transact((transaction) => state.save(transaction, undefined))
  return { disk, store, state }
}

/** The tables that the last commit wrote to, once for each key. */
function lastWrites(disk: ReturnType<typeof stateOnDisk>["disk"]): ReadonlyArray<Table> {
  const written: Array<Table> = []
  const last = disk.journal.at(-1)
  if (last?.environment === "state") last.changes.forEach((table) => void written.push(table))
  return written.sort()
}

describe("ReplicatedState", () => {
  it("is undefined where nothing was written", () => {
    const { store } = stateOnDisk()
    expect(Result.getOrThrow(ReplicatedState.load(store.reader, groupId))).toBeUndefined()
  })

  it("loads what was saved: sidecar, registry and applied index", () => {
    const { state, store } = saved()
    expect(state.registry.writers).toHaveLength(1)
    expect(state.registry.rows).toHaveLength(1)
    expect(state.sidecar.keys).toHaveLength(2)
    expect(Result.getOrThrow(ReplicatedState.load(store.reader, groupId))).toEqual(state)
  })

  it("loads the state of a new cluster", () => {
    const { state, store } = saved(ReplicatedState.initial({ groupId, clusterId }))
    expect(Result.getOrThrow(ReplicatedState.load(store.reader, groupId))).toEqual(state)
  })

  it("says which record is missing", () => {
    for (const record of ["applied", "sidecar"] as const) {
      const { store } = saved()
      store.transact((transaction) => transaction.remove(record, singleton))
      expect(failureOf(ReplicatedState.load(store.reader, groupId))).toMatchObject({
        _tag: "RecordCorrupted",
        record,
        groupId,
        reason: "missing"
      })
    }
  })

  it("notices a sidecar of another commit, older or newer, whole as it is", () => {
    const { state, store } = saved()
    const older = store.reader.get("sidecar", singleton)!
    const enabled = state.copy()
    const at = { index: index(6), revision: revision(5) }
    enabled.sidecar = SidecarState.enableStorageEnvelope(state.sidecar, { storageKeyId }, at).state
    enabled.applied = { ...enabled.applied, index: index(6) }
    store.transact((transaction) => enabled.save(transaction, state))
    const newer = store.reader.get("sidecar", singleton)!
    const put = (table: Table, record: Uint8Array) =>
      store.transact((transaction) => transaction.put(table, singleton, record))
    const loaded = () => ReplicatedState.load(store.reader, groupId)
    const ofAnother = (appliedIndex: number) =>
      expect(failureOf(loaded())).toMatchObject({ _tag: "SidecarOfAnotherCommit", appliedIndex })

    put("sidecar", older)
    ofAnother(6)
    put("sidecar", newer)
    expect(Result.getOrThrow(loaded())).toEqual(enabled)
    store.transact((transaction) => state.save(transaction, undefined))
    put("sidecar", newer)
    ofAnother(4)
    put("sidecar", older)
    expect(Result.getOrThrow(loaded())).toEqual(state)
  })

  it("a row whose writer is gone is a gap in the registry", () => {
    const { store } = saved()
    store.transact((transaction) => transaction.remove("writers", Buffer.of(1, 0, 1)))
    expect(failureOf(ReplicatedState.load(store.reader, groupId))).toMatchObject({
      _tag: "RecordCorrupted",
      record: "writers",
      reason: "missing"
    })
  })

  it("writes what differs, and always the applied index", () => {
    const { disk, state, store } = saved()
    const save = (change: (next: ReplicatedState.ReplicatedState) => void) => {
      const next = state.copy()
      change(next)
      store.transact((transaction) => next.save(transaction, state))
      expect(Result.getOrThrow(ReplicatedState.load(store.reader, groupId))).toEqual(next)
      return lastWrites(disk)
    }
    expect(lastWrites(disk)).toEqual(["applied", "sidecar", "writers", "writers"])
    expect(save((next) => (next.applied = { ...next.applied, index: index(5) }))).toEqual([
      "applied"
    ])
    const at = { index: index(6), revision: revision(5) }
    const enabled = { storageKeyId }
    expect(
      save((next) => {
        next.sidecar = SidecarState.enableStorageEnvelope(next.sidecar, enabled, at).state
      })
    ).toEqual(["applied", "sidecar"])
  })

  it("of the registry it writes the changed row and not the writers before", () => {
    const { disk, state, store } = saved()
    const next = state.copy()
    next.registry = registered(next.registry, 2)
    store.transact((transaction) => next.save(transaction, state))
    expect(lastWrites(disk)).toEqual(["applied", "writers"])
    expect(Result.getOrThrow(ReplicatedState.load(store.reader, groupId))).toEqual(next)
  })

  it("a copy that changes leaves its original alone", () => {
    const state = bootstrapped()
    const copy = state.copy()
    copy.applied = { ...copy.applied, index: index(99) }
    copy.sidecar = SidecarState.initial(clusterId)
    copy.registry = WriterRegistry.empty
    expect(state).toEqual(bootstrapped())
  })

  it("names the record of every flipped bit", () => {
    const { store } = saved()
    const damaged = (table: Table, record: RegExp) => {
      for (const { key, value } of store.reader.range(table, {})) {
        for (const { changed } of flippedBits(value)) {
          store.transact((transaction) => transaction.put(table, key, changed))
          const failure = failureOf(ReplicatedState.load(store.reader, groupId))
          expect(failure).toMatchObject({ _tag: "RecordCorrupted", reason: "checksumMismatch" })
          expect(failure).toHaveProperty("record", expect.stringMatching(record))
        }
        store.transact((transaction) => transaction.put(table, key, value))
      }
    }
    damaged("applied", /^applied$/)
    damaged("sidecar", /^sidecar$/)
    damaged("writers", /^writers\/(010001|02000000090001)$/)
  })
})
