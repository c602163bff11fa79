import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { open } from "lmdb"
import type { GroupId } from "../../src/domain/Ids.ts"
import * as FormatVersion from "../../src/domain/state/FormatVersion.ts"
import * as DataDirectoryLock from "../../src/layers/DataDirectoryLock.ts"
import * as LogEnvironmentLmdb from "../../src/layers/LogEnvironmentLmdb.ts"
import * as StateStoreLmdb from "../../src/layers/StateStoreLmdb.ts"
import { StateStore } from "../../src/services/StateStore.ts"
import * as LocalStoreContract from "../contracts/LocalStore.ts"
import * as LogInstallationContract from "../contracts/LogInstallation.ts"
import * as LogOpeningContract from "../contracts/LogOpening.ts"
import * as RaftLogStoreContract from "../contracts/RaftLogStore.ts"
import * as StateGenerationsContract from "../contracts/StateGenerations.ts"
import * as StateStoreContract from "../contracts/StateStore.ts"
import type { MakeStores, StoredRecord } from "../contracts/Stores.ts"

const root = mkdtempSync(join(tmpdir(), "sealog-stores-"))
const groupId = 0 as GroupId
const mapSizeBytes = 64 << 20
let made = 0

afterAll(() => rmSync(root, { recursive: true, force: true }))

const placeOf = (record: StoredRecord): { readonly table: string; readonly key: Buffer } => {
  switch (record._tag) {
    case "Entry": {
      const key = Buffer.alloc(8)
      key.writeBigUInt64BE(BigInt(record.index))
      return { table: "entries", key }
    }
    case "FormatVersion":
      return { table: "meta", key: Buffer.from("formatVersion") }
    case "SnapshotPointer":
      return { table: "meta", key: Buffer.from("snapshotPointer") }
    case "HardState":
      return { table: "meta", key: Buffer.from("hardState") }
    case "Local":
      return { table: "local", key: Buffer.from("local") }
  }
}

const flipped = (bit: number) => (value: Buffer | undefined) => {
  expect(value).toBeDefined()
  const damaged = Buffer.from(value!)
  damaged[bit >>> 3]! ^= 1 << (bit & 7)
  return damaged
}

/** Writes the new value through a handle of its own, past every check of ours. */
const change = (directory: string, record: StoredRecord, edit: Edit): Promise<void> =>
  changeAt(directory, { environment: "log", ...placeOf(record) }, edit)

type Edit = (value: Buffer | undefined) => Buffer | undefined

interface Place {
  readonly environment: string
  readonly table: string
  readonly key: Buffer
}

async function changeAt(directory: string, place: Place, edit: Edit): Promise<void> {
  const { key, table } = place
  const options = { encoding: "binary", keyEncoding: "binary" } as const
  const environment = open<Buffer, Buffer>({
    path: join(directory, place.environment),
    mapSize: mapSizeBytes,
    pageSize: 8192,
    maxDbs: 8,
    ...options
  })
  const database = environment.openDB<Buffer, Buffer>({ name: table, ...options })
  const value = edit(database.get(key))
  await (value === undefined ? database.remove(key) : database.put(key, value))
  await environment.close()
}

const makeStores: MakeStores = () => {
  made += 1
  const directory = join(root, String(made))
  return {
    open: () =>
      StateStoreLmdb.layer({ groupId, mapSizeBytes }).pipe(
        Layer.provideMerge(LogEnvironmentLmdb.layer({ groupId, mapSizeBytes })),
        Layer.provide(DataDirectoryLock.layer({ directory }))
      ),
    flipBit: (record, bit) => change(directory, record, flipped(bit)),
    replace: (record, bytes) => change(directory, record, () => bytes)
  }
}

LogOpeningContract.suite("LMDB", makeStores)
LogOpeningContract.writesSuite("LMDB", makeStores)
describe("StateStoreLmdb", () => {
  it.live("an unknown format version of the state is refused", () => {
    const directory = join(root, "format")
    const layer = () =>
      StateStoreLmdb.layer({ groupId, mapSizeBytes }).pipe(
        Layer.provide(LogEnvironmentLmdb.layer({ groupId, mapSizeBytes })),
        Layer.provide(DataDirectoryLock.layer({ directory }))
      )
    return Effect.gen(function* () {
      yield* Effect.asVoid(StateStore).pipe(Effect.provide(layer()))
      const format = { environment: "state/0", table: "meta", key: Buffer.from("formatVersion") }
      const later = FormatVersion.encode("state", groupId, 7)
      yield* Effect.promise(() => changeAt(directory, format, () => later))
      const error = yield* Effect.flip(Effect.asVoid(StateStore).pipe(Effect.provide(layer())))
      expect(error).toMatchObject({ _tag: "FormatVersionUnknown", environment: "state", found: 7 })
    })
  })
})

RaftLogStoreContract.suite("LMDB", makeStores)
LocalStoreContract.suite("LMDB", makeStores)
StateStoreContract.suite("LMDB", makeStores)
StateGenerationsContract.suite("LMDB", makeStores)
LogInstallationContract.suite("LMDB", makeStores)
