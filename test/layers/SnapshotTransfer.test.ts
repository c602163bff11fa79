/** A snapshot from one store into another, whole or not at all (SPEC §16). */
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "@effect/vitest"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { ClusterId, type LogIndex } from "../../src/domain/Ids.ts"
import * as SnapshotHeader from "../../src/domain/snapshot/SnapshotHeader.ts"
import * as DataDirectoryLock from "../../src/layers/DataDirectoryLock.ts"
import * as LogEnvironmentLmdb from "../../src/layers/LogEnvironmentLmdb.ts"
import * as LogEnvironmentMemory from "../../src/layers/LogEnvironmentMemory.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import * as SnapshotInstall from "../../src/layers/SnapshotInstall.ts"
import * as SnapshotSource from "../../src/layers/SnapshotSource.ts"
import * as StateStoreLmdb from "../../src/layers/StateStoreLmdb.ts"
import * as StateStoreMemory from "../../src/layers/StateStoreMemory.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { StateStore } from "../../src/services/StateStore.ts"
import { contentOf, fill, groupId, identity, stateAt } from "../support/SnapshotStates.ts"

const root = mkdtempSync(join(tmpdir(), "sealog-transfer-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const at = (index: number) => index as LogIndex
let made = 0

const lmdb = () => {
  made += 1
  const directory = join(root, String(made))
  const options = { groupId, mapSizeBytes: 256 << 20 }
  const open = () =>
    StateStoreLmdb.layer(options).pipe(
      Layer.provideMerge(LogEnvironmentLmdb.layer(options)),
      Layer.provide(DataDirectoryLock.layer({ directory }))
    )
  const generations = () => readdirSync(join(directory, "state"))
  return { open, generations }
}

const memory = () => {
  const disk = new MemoryDisk()
  const open = () =>
    Layer.provideMerge(
      StateStoreMemory.layer({ disk }),
      LogEnvironmentMemory.layer({ disk, groupId })
    )
  return { open, generations: () => disk.generations.map(String) }
}

/** A snapshot of several chunks. */
const sourceOf = Effect.gen(function* () {
  yield* fill(stateAt(9, 3), { count: 700, valueBytes: 2_000 })
  const source = yield* SnapshotSource.open(groupId)
  expect(source).toBeDefined()
  return source!
})

const run = <A, E>(
  stores: Layer.Layer<RaftLogStore | StateStore, unknown>,
  use: Effect.Effect<A, E, RaftLogStore | StateStore | Scope.Scope>
) =>
  Effect.scoped(
    Effect.flatMap(Layer.build(stores), (context: Context.Context<RaftLogStore | StateStore>) =>
      Effect.provideContext(use, context)
    )
  )

for (const [name, make] of [
  ["LMDB", lmdb],
  ["memory", memory]
] as const) {
  describe(`a snapshot is transferred: ${name}`, () => {
    it.live("every row of it arrives, and counts after a reopening", () =>
      Effect.gen(function* () {
        const [from, to] = [make(), make()]
        const content = yield* run(
          from.open(),
          Effect.gen(function* () {
            const source = yield* sourceOf
            expect(source.snapshot).toMatchObject({ index: 9, term: 3 })
            expect(source.snapshot.membership.voters).toEqual([1, 2, 3])
            // What is committed after its moment is not in it.
            const { flush, reader, transact } = yield* StateStore
            const before = contentOf(reader)
            transact((tx) => tx.put("kv", Buffer.from("later"), Buffer.from("x")))
            yield* flush
            yield* run(
              to.open(),
              Effect.gen(function* () {
                const received = yield* SnapshotInstall.receive(identity, source.bytes)
                expect(received.of).toEqual({ ceiling: 9, cutover: 0, term: 3 })
                expect(
                  [...received.state.members.byId.values()].map(({ nodeName }) => nodeName)
                ).toEqual(["n1", "n2", "n3"])
                yield* SnapshotInstall.install(received)
                expect(contentOf((yield* StateStore).reader)).toEqual(before)
              })
            )
            return before
          })
        )
        yield* run(
          to.open(),
          Effect.gen(function* () {
            const log = yield* RaftLogStore
            expect(contentOf((yield* StateStore).reader)).toEqual(content)
            expect([log.reader.firstIndex(), log.reader.lastIndex()]).toEqual([10, 9])
            expect(log.reader.term(at(9))).toBe(3)
          })
        )
        expect(to.generations()).toEqual(["1"])
      })
    )

    it.live("cut short at any piece, or damaged in any, it leaves everything as it was", () =>
      Effect.gen(function* () {
        const pieces = yield* run(
          make().open(),
          Effect.flatMap(sourceOf, ({ bytes }) => Stream.runCollect(bytes))
        )
        expect(pieces.length).toBeGreaterThan(5)
        const to = make()
        yield* run(
          to.open(),
          Effect.gen(function* () {
            const { reader, transact } = yield* StateStore
            transact((tx) => tx.put("kv", Buffer.from("own"), Buffer.from("x")))
            const before = contentOf(reader)
            const refusal = (sent: ReadonlyArray<Uint8Array>) =>
              Effect.flip(
                Effect.scoped(SnapshotInstall.receive(identity, Stream.fromIterable(sent)))
              )
            for (let at = 0; at < pieces.length; at++) {
              expect(yield* refusal(pieces.slice(0, at))).toMatchObject({
                _tag: "SnapshotCorrupted",
                reason: "truncated"
              })
              const damaged = pieces.map((piece) => Buffer.from(piece))
              const piece = damaged[at]!
              piece[Math.floor(piece.length / 2)]! ^= 1
              expect((yield* refusal(damaged))._tag).toMatch(/^Snapshot/)
            }
            expect(contentOf(reader)).toEqual(before)
          })
        )
        expect(to.generations()).toEqual(["0"])
      })
    )

    it.live("one that contradicts itself, or is of another cluster, is refused", () =>
      Effect.gen(function* () {
        const pieces = yield* run(
          make().open(),
          Effect.flatMap(sourceOf, ({ bytes }) => Stream.runCollect(bytes))
        )
        const other = { ...identity, clusterId: ClusterId.make("ff".repeat(16)) }
        const refused = yield* run(
          make().open(),
          Effect.flip(SnapshotInstall.receive(other, Stream.fromIterable(pieces)))
        )
        expect(refused).toMatchObject({ _tag: "SnapshotInconsistent", reason: "cluster" })
        expect(pieces[0]).toEqual(SnapshotHeader.encode({ ceiling: at(9), cutover: at(0) }))
      })
    )

    it.live("there is none of a state that nothing was applied to", () =>
      run(
        make().open(),
        Effect.gen(function* () {
          expect(yield* SnapshotSource.open(groupId)).toBeUndefined()
          yield* fill(stateAt(0, 0), { count: 0, valueBytes: 0 })
          expect(yield* SnapshotSource.open(groupId)).toBeUndefined()
        })
      )
    )
  })
}
