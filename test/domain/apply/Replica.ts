/** One replica without a log: a memory state store, and what its values and entries are made with. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { DataKey, type KeyPurpose } from "../../../src/domain/encryption/DataKey.ts"
import type { KeyLookup } from "../../../src/domain/encryption/Envelope.ts"
import { ClusterId, GroupId, KeyId } from "../../../src/domain/Ids.ts"
import { type Row, type Table, tables } from "../../../src/domain/state/StateTransaction.ts"
import * as LogEnvironmentMemory from "../../../src/layers/LogEnvironmentMemory.ts"
import { MemoryDisk } from "../../../src/layers/MemoryDisk.ts"
import * as StateStoreMemory from "../../../src/layers/StateStoreMemory.ts"
import { StateStore } from "../../../src/services/StateStore.ts"

export const groupId = GroupId.make(1)
export const clusterId = ClusterId.make("000102030405060708090a0b0c0d0e0f")
export const storageKeyId = KeyId.make(7)
export const raftKeyId = KeyId.make(9)

export const text = (value: string): Buffer => Buffer.from(value)

export function dataKey(id: KeyId, purpose: KeyPurpose): DataKey {
  const bytes = Buffer.allocUnsafeSlow(32).fill(id & 0xff)
  return new DataKey({ id, purpose, clusterId }, bytes)
}

export const storageKey = dataKey(storageKeyId, "storage")
export const raftKey = dataKey(raftKeyId, "raft")

export const holding =
  (...held: ReadonlyArray<DataKey>): KeyLookup =>
  (keyId) =>
    held.find(({ id }) => id === keyId)

export const allKeys = holding(storageKey, raftKey)

/** The store over a disk of its own; `contents` is everything in it, table by table. */
export function stateOnDisk() {
  const disk = new MemoryDisk()
  const layer = Layer.provide(
    StateStoreMemory.layer({ disk }),
    LogEnvironmentMemory.layer({ disk, groupId })
  )
  const store = Effect.runSync(StateStore.pipe(Effect.provide(layer)))
  const contents = (): Record<Table, ReadonlyArray<Row>> => {
    const rows = tables.map((table) => [table, store.reader.range(table, {})] as const)
    return Object.fromEntries(rows) as Record<Table, ReadonlyArray<Row>>
  }
  return { disk, store, contents }
}
