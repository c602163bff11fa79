/** What a staged state takes of the disk, and when the states of the past are gone (SPEC §8, §16). */
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { SpaceLow } from "../../src/domain/engine/Errors.ts"
import * as DataDirectoryLock from "../../src/layers/DataDirectoryLock.ts"
import * as LogEnvironmentLmdb from "../../src/layers/LogEnvironmentLmdb.ts"
import * as StateStoreLmdb from "../../src/layers/StateStoreLmdb.ts"
import { StateStore } from "../../src/services/StateStore.ts"
import { groupId } from "../support/SnapshotStates.ts"
import { storesIn } from "../support/SnapshotStores.ts"

const root = mkdtempSync(join(tmpdir(), "sealog-staging-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const generationsIn = (directory: string) => readdirSync(join(directory, "state")).sort()

/** Some mebibytes, in rows. */
const mebibytes = (count: number) =>
  Array.from({ length: count }, (_, at) => ({
    table: "kv" as const,
    key: Buffer.of(1, at),
    value: Buffer.alloc(1 << 20, at)
  }))

describe("a state that is staged", () => {
  it.live("is refused where a user's request would be, and the node goes on", () => {
    const directory = join(root, "space")
    let reserved = 0
    let freeBytes = 20 << 20
    const space: StateStoreLmdb.Space = {
      shortage: () => undefined,
      reserve: (bytes) => {
        if (freeBytes - reserved < bytes) return new SpaceLow({ freeBytes, freeBytesMin: 0 })
        reserved += bytes
        return undefined
      },
      release: (bytes) => {
        reserved -= bytes
        freeBytes -= bytes
      }
    }
    const options = { groupId, mapSizeBytes: 256 << 20 }
    const stores = StateStoreLmdb.layer({ ...options, space }).pipe(
      Layer.provide(LogEnvironmentLmdb.layer(options)),
      Layer.provide(DataDirectoryLock.layer({ directory }))
    )
    return Effect.gen(function* () {
      const { flush, reader, stage, transact } = yield* StateStore
      const refused = yield* Effect.gen(function* () {
        const staging = yield* stage
        for (const row of mebibytes(40)) yield* staging.write([row])
        return yield* staging.complete
      }).pipe(Effect.scoped, Effect.flip)
      expect(refused._tag).toBe("SpaceLow")
      expect(reserved).toBe(0)
      expect(generationsIn(directory)).toEqual(["0"])
      transact((transaction) => transaction.put("kv", Buffer.of(1), Buffer.of(2)))
      yield* flush
      expect(reader.get("kv", Buffer.of(1))).toEqual(Buffer.of(2))
    }).pipe(Effect.provide(stores))
  })

  it.live("takes the place of the old one, which is removed once nobody reads it", () => {
    const directory = join(root, "removed")
    return Effect.gen(function* () {
      const store = yield* StateStore
      store.transact((transaction) => transaction.put("kv", Buffer.of(1), Buffer.of(1)))
      yield* store.flush
      const reading = yield* Scope.make()
      const { reader } = yield* Scope.provide(store.snapshot, reading)
      yield* Effect.gen(function* () {
        const staging = yield* store.stage
        yield* staging.write(mebibytes(1))
        yield* staging.complete
        yield* store.install(staging, Effect.void)
      }).pipe(Effect.scoped)
      expect(generationsIn(directory)).toEqual(["0", "1"])
      expect(reader.get("kv", Buffer.of(1))).toEqual(Buffer.of(1))
      yield* Scope.close(reading, Exit.void)
      yield* Effect.repeat(Effect.yieldNow, {
        while: () => generationsIn(directory).includes("0")
      })
      expect(generationsIn(directory)).toEqual(["1"])
      expect(store.reader.get("kv", Buffer.of(1, 0))).toHaveLength(1 << 20)
    }).pipe(Effect.provide(storesIn(directory)))
  })

  it.live("a store that is closed while its old state is still read removes that too", () => {
    const directory = join(root, "closed")
    return Effect.gen(function* () {
      const reading = yield* Scope.make()
      yield* Effect.gen(function* () {
        const store = yield* StateStore
        yield* Scope.provide(store.snapshot, reading)
        yield* Effect.gen(function* () {
          const staging = yield* store.stage
          yield* staging.complete
          yield* store.install(staging, Effect.void)
        }).pipe(Effect.scoped)
      }).pipe(Effect.provide(storesIn(directory)))
      expect(generationsIn(directory)).toEqual(["1"])
      yield* Scope.close(reading, Exit.void)
    })
  })
})
