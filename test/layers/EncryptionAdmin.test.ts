import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Command from "../../src/domain/encryption/Command.ts"
import * as Payload from "../../src/domain/log/Payload.ts"
import * as ProposalEnvelope from "../../src/domain/log/ProposalEnvelope.ts"
import * as KekProviderNone from "../../src/layers/KekProviderNone.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { Applier } from "../../src/services/Applier.ts"
import { KekProvider } from "../../src/services/KekProvider.ts"
import { Keystore } from "../../src/services/Keystore.ts"
import { Opening } from "../../src/services/Opening.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { memoryNode } from "../support/MemoryNode.ts"
import {
  administer,
  cutOver,
  enableStorage,
  entriesOf,
  put,
  ready,
  status
} from "../support/NodeCalls.ts"

const sealingReady = Effect.flatMap(RaftEngine, (engine) => engine.sealingReady)

/** The payloads in the log, in order, while it is plaintext. */
const payloadsOf = Effect.map(entriesOf, (entries) =>
  entries
    .filter(({ kind }) => kind === "normal")
    .map(({ data }) => Result.getOrThrow(Payload.decode(ProposalEnvelope.bodyOf(data)!)))
)

const tagsOf = Effect.map(payloadsOf, (payloads) => payloads.map(({ _tag }) => _tag))

const oneOfEach = ["Bootstrap", "EnableStorageEnvelope"]

describe("enableStorageEnvelope (SPEC §4)", () => {
  it.effect("asked twice bootstraps once and enables once", () =>
    Effect.gen(function* () {
      yield* ready
      const first = yield* enableStorage
      expect(first.wasAlreadyActive).toBe(false)
      expect(yield* enableStorage).toEqual({ index: first.index, wasAlreadyActive: true })
      expect(yield* tagsOf).toEqual(oneOfEach)
      expect((yield* Applier).sidecar.storageEnvelopeIndex).toBe(first.index)
      expect((yield* Applier).sidecar.keys.map(({ purpose }) => purpose).sort()).toEqual([
        "raft",
        "storage"
      ])
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )

  it.effect("asked from eight fibres at once bootstraps once and enables once", () =>
    Effect.gen(function* () {
      yield* ready
      const answers = yield* Effect.all(
        Array.from({ length: 8 }, () => enableStorage),
        { concurrency: "unbounded" }
      )
      expect(new Set(answers.map(({ index }) => index)).size).toBe(1)
      expect(answers.filter(({ wasAlreadyActive }) => !wasAlreadyActive)).toHaveLength(1)
      expect(yield* tagsOf).toEqual(oneOfEach)
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )

  it.effect("after a restart finds what was enabled and proposes nothing", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      const enabled = yield* Effect.andThen(ready, enableStorage).pipe(
        Effect.provide(memoryNode({ disk }))
      )
      disk.crash({ keptCommits: 0 })
      yield* Effect.gen(function* () {
        yield* ready
        expect(yield* enableStorage).toEqual({ index: enabled.index, wasAlreadyActive: true })
        expect(yield* tagsOf).toEqual(oneOfEach)
      }).pipe(Effect.provide(memoryNode({ disk, seed: 2 })))
    })
  })

  it.effect("goes on from a bootstrap whose enabling was never proposed", () =>
    Effect.gen(function* () {
      yield* ready
      const { clusterId, nodeName, incarnation } = yield* Opening
      const keystore = yield* Keystore
      const storage = yield* keystore.draw({ purpose: "storage", clusterId, taken: new Set() })
      const taken = new Set([storage.keyId])
      const raft = yield* keystore.draw({ purpose: "raft", clusterId, taken })
      const writers = [{ nodeName, incarnation }]
      const bootstrap = Command.encode({ _tag: "Bootstrap", storage, raft, writers })
      yield* administer(bootstrap)
      expect((yield* enableStorage).wasAlreadyActive).toBe(false)
      expect(yield* tagsOf).toEqual(oneOfEach)
      expect(new Set((yield* status).keys.map(({ id }) => id))).toEqual(
        new Set([storage.keyId, raft.keyId])
      )
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )

  it.effect("without a KEK is CapabilityCheckFailed, and nothing is proposed", () =>
    Effect.gen(function* () {
      yield* ready
      const before = yield* entriesOf
      const error = yield* Effect.flip(enableStorage)
      expect(error).toMatchObject({ _tag: "CapabilityCheckFailed", nodes: [{ nodeName: "n1" }] })
      expect(error.message).toContain("--kek-file")
      expect(yield* entriesOf).toEqual(before)
      expect(yield* status).toMatchObject({ phase: 0, hasKek: false, keys: [] })
      yield* put("a", "plain still works")
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk(), kek: KekProviderNone.layer })))
  )

  it.effect("with a source that gives no KEK says that, not that encryption is off", () =>
    Effect.gen(function* () {
      yield* ready
      const { nodes } = yield* Effect.flatMap(Effect.flip(enableStorage), (error) =>
        error._tag === "CapabilityCheckFailed" ? Effect.succeed(error) : Effect.fail(error)
      )
      expect(nodes).toEqual([{ nodeName: "n1", reason: { _tag: "KekMissing" } }])
    }).pipe(
      Effect.provide(
        memoryNode({
          disk: new MemoryDisk(),
          kek: Layer.succeed(KekProvider, { source: "a KMS", load: Effect.succeed(undefined) })
        })
      )
    )
  )

  it.effect("that cannot be written changes nothing and is NodeStopped", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      yield* ready
      disk.nextLogFault = new Error("EIO")
      expect(yield* Effect.flip(enableStorage)).toMatchObject({ _tag: "NodeStopped" })
      expect(yield* status).toMatchObject({ phase: 0, keys: [], storageEnvelopeIndex: 0 })
    }).pipe(Effect.provide(memoryNode({ disk })))
  })
})

describe("status (SPEC §2)", () => {
  it.effect("of a plaintext node", () =>
    Effect.gen(function* () {
      yield* ready
      const { incarnation } = yield* Opening
      expect(yield* status).toEqual({
        nodeName: "n1",
        memberId: 1,
        incarnation,
        appliedIndex: 2,
        phase: 0,
        hasKek: true,
        keys: [],
        storageEnvelopeIndex: 0,
        cutoverIndex: 0,
        isBarrierClosed: false,
        isWrapFlagSet: false
      })
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )

  it.effect("of one whose values are sealed, then its log too", () =>
    Effect.gen(function* () {
      yield* ready
      const { index } = yield* enableStorage
      yield* sealingReady
      const { position, sidecar } = yield* Applier
      const { active } = sidecar
      const bootstrap = (yield* entriesOf).find(({ kind }) => kind === "normal")!
      const keyOf = (purpose: "storage" | "raft", appliedIndex: number) => ({
        id: active[purpose],
        purpose,
        isActive: true,
        createdIndex: bootstrap.index,
        ageEntries: appliedIndex - bootstrap.index
      })
      const keysAt = (appliedIndex: number) =>
        [keyOf("storage", appliedIndex), keyOf("raft", appliedIndex)].sort((a, b) => a.id - b.id)
      const sealedValues = {
        nodeName: "n1",
        memberId: 1,
        incarnation: (yield* Opening).incarnation,
        appliedIndex: position.index,
        phase: 1,
        hasKek: true,
        keys: keysAt(position.index),
        storageEnvelopeIndex: index,
        cutoverIndex: 0,
        isBarrierClosed: false,
        isWrapFlagSet: false,
        writerId: 1,
        localEpoch: 1,
        registeredEpoch: 1
      }
      expect(yield* status).toEqual(sealedValues)
      const { cutoverIndex } = yield* cutOver
      expect(yield* status).toEqual({
        ...sealedValues,
        appliedIndex: cutoverIndex,
        phase: 2,
        keys: keysAt(cutoverIndex),
        cutoverIndex,
        barrierClosedMillis: 0,
        isWrapFlagSet: true,
        lastCutover: {
          term: (yield* RaftEngine).status().term,
          stepMillis: { gate: 0, registration: 0, drain: 0, append: 0, apply: 0 },
          ended: { end: "CutOver", barrierClosedMillis: 0 }
        }
      })
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )
})
