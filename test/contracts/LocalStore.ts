/** The contract of `LocalStore`, against every layer of it (SPEC §3, §6). */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type {
  ClusterId,
  GroupId,
  Incarnation,
  KeyId,
  LocalEpoch,
  MemberId,
  NodeName,
  OpeningId
} from "../../src/domain/Ids.ts"
import type { LocalRecord } from "../../src/domain/log/LocalRecord.ts"
import { LocalStore } from "../../src/services/LocalStore.ts"
import type { MakeStores } from "./Stores.ts"

const record: LocalRecord = {
  nodeName: "n1" as NodeName,
  incarnation: "0123456789abcdef0123456789abcdef" as Incarnation,
  groupId: 0 as GroupId,
  admitted: {
    clusterId: "ffffffffffffffffffffffffffffffff" as ClusterId,
    memberId: 4 as MemberId
  },
  bootCount: 3,
  epochs: new Map([[5 as KeyId, 2 as LocalEpoch]]),
  peers: new Map([
    [
      "00000000000000000000000000000001" as Incarnation,
      { bootCount: 9, openingId: "00000000000000000000000000000002" as OpeningId }
    ]
  ])
}

const read = Effect.flatMap(LocalStore, (store) =>
  Effect.try({ try: store.read, catch: (thrown) => thrown })
)

export function suite(name: string, makeStores: MakeStores): void {
  describe(`LocalStore: ${name}`, () => {
    it.live("knows nothing at first, and what was written last after that", () => {
      const stores = makeStores()
      return Effect.gen(function* () {
        expect(yield* read.pipe(Effect.provide(stores.open()))).toBeUndefined()
        yield* Effect.gen(function* () {
          const store = yield* LocalStore
          yield* store.write(record)
          yield* store.write({ ...record, bootCount: 4 })
        }).pipe(Effect.provide(stores.open()))
        expect(yield* read.pipe(Effect.provide(stores.open()))).toEqual({ ...record, bootCount: 4 })
      })
    })

    it.live("a flipped bit is a damaged record, never a new node", () => {
      const stores = makeStores()
      return Effect.gen(function* () {
        yield* Effect.flatMap(LocalStore, (store) => store.write(record)).pipe(
          Effect.provide(stores.open())
        )
        yield* Effect.promise(() => stores.flipBit({ _tag: "Local" }, 200))
        const error = yield* Effect.flip(read.pipe(Effect.provide(stores.open())))
        expect(error).toMatchObject({ _tag: "RecordCorrupted", record: "local" })
      })
    })
  })
}
