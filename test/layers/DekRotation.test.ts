/**
 * SPEC §18, §6: a DEK is rotated on one node, online: what the caller is told, which keys seal what, and
 * what a restart and a repetition find.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { NodeName, type Term } from "../../src/domain/Ids.ts"
import * as KekProviderNone from "../../src/layers/KekProviderNone.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import * as Sealog from "../../src/layers/Sealog.ts"
import { Applier } from "../../src/services/Applier.ts"
import { Coordinator } from "../../src/services/Coordinator.ts"
import { EncryptionAdmin, type RotateRequest } from "../../src/services/EncryptionAdmin.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { kek, memoryNode } from "../support/MemoryNode.ts"
import { cutOver, enableStorage, entriesOf, get, put, ready, status } from "../support/NodeCalls.ts"

const rotate = (request: RotateRequest) =>
  Effect.flatMap(EncryptionAdmin, (admin) => admin.rotateDek(request))
const sealingReady = Effect.flatMap(RaftEngine, (engine) => engine.sealingReady)
const active = Effect.map(Applier, ({ sidecar }) => sidecar.active)
const purposes = ["storage", "raft"] as const

const phase1 = Effect.gen(function* () {
  yield* ready
  yield* enableStorage
  yield* sealingReady
})

/** The key ids in the raft envelopes above an index: behind the proposal id, version and flag. */
const sealedWith = (above: number) =>
  Effect.map(entriesOf, (entries) =>
    entries
      .filter(({ index, kind }) => kind === "normal" && index > above)
      .map(({ data }) => Buffer.from(data).readUInt32BE(9 + 2))
  )

describe("rotateDek", () => {
  for (const purpose of purposes) {
    it.effect(`makes a new ${purpose} key the active one, and keeps the old one`, () =>
      Effect.gen(function* () {
        yield* phase1
        const before = yield* active
        const done = yield* rotate({ purpose })
        const { keys } = yield* status
        expect(done).toMatchObject({ replacedKeyId: before[purpose], wasAlreadyRotated: false })
        expect(yield* active).toEqual({ ...before, [purpose]: done.keyId })
        const [entry] = (yield* entriesOf).filter(({ index }) => index === done.index)
        expect(entry?.kind).toBe("normal")
        const ofPurpose = keys.filter((each) => each.purpose === purpose)
        expect(ofPurpose).toHaveLength(2)
        expect(ofPurpose.find(({ id }) => id === done.keyId)).toMatchObject({
          isActive: true,
          createdIndex: done.index
        })
        expect(ofPurpose.find(({ id }) => id === before[purpose])?.isActive).toBe(false)
      }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
    )
  }

  it.effect("in phase 2 seals with the new key from the next entry on, and reads both", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      const checked = yield* Effect.gen(function* () {
        yield* phase1
        yield* cutOver
        yield* put("before", "1")
        const { raft: old } = yield* active
        const raft = yield* rotate({ purpose: "raft" })
        yield* sealingReady
        const storage = yield* rotate({ purpose: "storage" })
        yield* put("after", "2")
        expect(yield* sealedWith(raft.index - 1)).toEqual([old, raft.keyId, raft.keyId])
        return { raft, storage }
      }).pipe(Effect.provide(memoryNode({ disk })))
      disk.crash({ keptCommits: 0 })
      yield* Effect.gen(function* () {
        yield* ready
        expect([yield* get("before"), yield* get("after")]).toEqual(["1", "2"])
        const { raft, storage } = checked
        expect(yield* active).toEqual({ raft: raft.keyId, storage: storage.keyId })
        yield* sealingReady
        yield* put("again", "3")
        expect((yield* sealedWith(storage.index)).at(-1)).toBe(raft.keyId)
      }).pipe(Effect.provide(memoryNode({ disk, seed: 2 })))
    })
  })

  it.effect("repeated for a key that is named rotates it once", () =>
    Effect.gen(function* () {
      yield* phase1
      for (const purpose of purposes) {
        const replaces = (yield* active)[purpose]
        const done = yield* rotate({ purpose, replaces })
        const before = yield* entriesOf
        const again = yield* rotate({ purpose, replaces })
        expect(again).toEqual({ ...done, wasAlreadyRotated: true })
        expect(yield* entriesOf, "nothing is proposed").toEqual(before)
      }
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )

  it.effect("without a name rotates each time it is asked for", () =>
    Effect.gen(function* () {
      yield* phase1
      const first = yield* rotate({ purpose: "storage" })
      const second = yield* rotate({ purpose: "storage" })
      expect(second.replacedKeyId).toBe(first.keyId)
      expect(second.index).toBeGreaterThan(first.index)
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )

  it.effect("from eight callers at once rotates once for all of them", () =>
    Effect.gen(function* () {
      yield* phase1
      const answers = yield* Effect.all(
        Array.from({ length: 8 }, () => rotate({ purpose: "raft" })),
        { concurrency: "unbounded" }
      )
      expect(new Set(answers.map(({ keyId }) => keyId)).size).toBe(1)
      expect(answers.filter(({ wasAlreadyRotated }) => !wasAlreadyRotated)).toHaveLength(1)
      expect((yield* status).keys).toHaveLength(3)
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )

  it.effect("before there are keys is refused, and nothing is proposed", () =>
    Effect.gen(function* () {
      yield* ready
      const before = yield* entriesOf
      for (const purpose of purposes) {
        const refusal = yield* Effect.flip(rotate({ purpose }))
        expect(refusal).toMatchObject({ _tag: "EncryptionNotBootstrapped" })
        const admin = yield* EncryptionAdmin
        expect(yield* Effect.flip(admin.activeDek(purpose))).toMatchObject(refusal)
      }
      expect(yield* entriesOf).toEqual(before)
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk(), kek: KekProviderNone.layer })))
  )

  it.effect("of a key that is not there is refused", () =>
    Effect.gen(function* () {
      yield* phase1
      const { storage } = yield* active
      const refusal = yield* Effect.flip(rotate({ purpose: "raft", replaces: storage }))
      expect(refusal).toMatchObject({ _tag: "DekUnknown", purpose: "raft", keyId: storage })
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )

  it.effect("while the barrier is closed waits for the raft key, not for the storage key", () =>
    Effect.gen(function* () {
      yield* phase1
      const barrier = yield* QuiescenceBarrier
      barrier.close()
      const before = yield* active
      const refusal = yield* Effect.flip(rotate({ purpose: "raft" }))
      expect(refusal).toMatchObject({ _tag: "CutoverInFlight" })
      const done = yield* rotate({ purpose: "storage" })
      expect(yield* active).toEqual({ ...before, storage: done.keyId })
      barrier.open()
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )

  it.effect("is not proposed in another term than it was decided in", () =>
    Effect.gen(function* () {
      yield* phase1
      const before = yield* entriesOf
      const coordinator = yield* Coordinator
      const { term } = (yield* RaftEngine).status()
      const other = (term + 1) as Term
      const refusal = yield* Effect.flip(coordinator.administer(Buffer.of(5), { term: other }))
      expect(refusal).toMatchObject({ _tag: "NotLeader" })
      expect(yield* entriesOf).toEqual(before)
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )

  it.effect(
    "that cannot be written may be on the disk: the key is named, and nothing changes",
    () => {
      const disk = new MemoryDisk()
      return Effect.gen(function* () {
        yield* phase1
        const before = yield* active
        disk.nextLogFault = new Error("EIO")
        const failure = yield* Effect.flip(rotate({ purpose: "storage" }))
        expect(failure).toMatchObject({
          _tag: "RotationOutcomeUnknown",
          purpose: "storage",
          replaces: before.storage
        })
        expect(yield* active).toEqual(before)
        const refusal = yield* Effect.flip(rotate({ purpose: "storage" }))
        expect(refusal, "of a node that has stopped nothing is proposed").toMatchObject({
          _tag: "NodeStopped"
        })
      }).pipe(Effect.provide(memoryNode({ disk })))
    }
  )
})

/** What embedders and RPC clients call: with patience in front. */
const front = (disk: MemoryDisk) =>
  Sealog.layerKvMemory({ disk, nodeName: NodeName.make("n1") }).pipe(
    Layer.provide(Layer.mergeAll(kek(), Logger.layer([])))
  )

describe("rotations under load", () => {
  it.live("no user and no operator sees an error, and everything is read back", () => {
    const disk = new MemoryDisk()
    const keys = (writer: number) => Array.from({ length: 20 }, (_, at) => `w${writer}/${at}`)
    const everything = Array.from({ length: 6 }, (_, writer) => keys(writer))
    return Effect.gen(function* () {
      const rotated = yield* Effect.gen(function* () {
        yield* enableStorage
        yield* cutOver
        disk.logWriteMillis = 1
        const writers = everything.map((own) => Effect.forEach(own, (key) => put(key, key)))
        const rotations = Effect.forEach(
          Array.from({ length: 10 }, (_, at) => purposes[at % 2]!),
          (purpose) => rotate({ purpose })
        )
        const [done] = yield* Effect.all([rotations, ...writers], { concurrency: "unbounded" })
        return done
      }).pipe(Effect.provide(front(disk)))
      expect(rotated.every(({ wasAlreadyRotated }) => !wasAlreadyRotated)).toBe(true)
      disk.logWriteMillis = 0
      yield* Effect.gen(function* () {
        for (const key of everything.flat()) expect(yield* get(key)).toBe(key)
        expect((yield* status).keys).toHaveLength(2 + rotated.length)
      }).pipe(Effect.provide(front(disk)))
    })
  })
})
