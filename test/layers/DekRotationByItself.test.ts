/**
 * SPEC §6: a leader rotates the raft DEK by itself when a registered epoch under it has passed 0xFF00,
 * once, and not in the middle of a cutover.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as WriterRegistry from "../../src/domain/encryption/WriterRegistry.ts"
import type { LocalEpoch } from "../../src/domain/Ids.ts"
import * as Limits from "../../src/domain/Limits.ts"
import * as LocalRecord from "../../src/domain/log/LocalRecord.ts"
import { groupId } from "../../src/layers/Node.ts"
import { Applier } from "../../src/services/Applier.ts"
import { EncryptionAdmin } from "../../src/services/EncryptionAdmin.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import * as Stages from "../support/CutoverStages.ts"
import { settled } from "../support/Fibers.ts"
import { LogLines } from "../support/LogLines.ts"
import { memoryNode } from "../support/MemoryNode.ts"
import { cutOver, entriesOf, get, put, ready, status } from "../support/NodeCalls.ts"

const sealingReady = Effect.flatMap(RaftEngine, (engine) => engine.sealingReady)

/** A disk on which each purpose has one key, closed; whoever opens it next has the epoch after this. */
const diskAt = Effect.fnUntraced(function* (phase: 1 | 2, lastEpoch: number) {
  const disk = yield* Stages.phase1
  const enter = Effect.gen(function* () {
    yield* ready
    yield* sealingReady
    if (phase === 2) yield* cutOver
    yield* put("sealed or not", "1")
    return (yield* Applier).sidecar.active.raft
  })
  const keyId = yield* Effect.provide(enter, memoryNode({ disk, seed: 2 }))
  const local = Result.getOrThrow(LocalRecord.decode(groupId, disk.local!))
  const epochs = new Map([[keyId, lastEpoch as LocalEpoch]])
  disk.local = LocalRecord.encode({ ...local, epochs })
  return { disk, keyId }
})

const activeRaft = Effect.map(Applier, ({ sidecar }) => sidecar.active.raft)
const untilActiveIsNot = (keyId: number) =>
  Effect.flatMap(Applier, (applier) =>
    Effect.repeat(Effect.yieldNow, { while: () => applier.sidecar.active.raft === keyId })
  )

describe("a leader whose epochs under the raft DEK run out", () => {
  for (const phase of [1, 2] as const) {
    it.effect(`in phase ${phase} rotates it once, registers, and goes on`, () =>
      Effect.gen(function* () {
        const { disk, keyId } = yield* diskAt(phase, Limits.epochRotationMark)
        const lines = new LogLines()
        yield* Effect.gen(function* () {
          yield* ready
          yield* untilActiveIsNot(keyId)
          yield* sealingReady
          const { registry } = yield* Applier
          const active = yield* activeRaft
          const epochOf = (id: number) =>
            registry.rows.filter((row) => row.keyId === id).map((row) => row.lastEpoch)
          expect([epochOf(keyId), epochOf(active)]).toEqual([[0xff01], [1]])
          for (let at = 0; at < 20; at++) yield* put(`k${at}`, "v")
          expect(yield* activeRaft, "once").toBe(active)
          const { keys, localEpoch } = yield* status
          expect([keys.length, localEpoch]).toEqual([3, 1])
          expect([yield* get("old"), yield* get("sealed or not")]).toEqual(["0", "1"])
        }).pipe(Effect.provide(memoryNode({ disk, seed: 3, loggers: [lines.logger] })))
        expect(lines.of("Registered")).toMatchObject([{ keyId }, { localEpoch: 1 }])
        expect(lines.of("DekRotated")).toMatchObject([{ purpose: "raft" }])
        yield* Effect.gen(function* () {
          yield* ready
          yield* sealingReady
          expect([yield* get("sealed or not"), yield* get("k19")]).toEqual(["1", "v"])
          expect((yield* status).keys).toHaveLength(3)
        }).pipe(Effect.provide(memoryNode({ disk, seed: 4 })))
      })
    )
  }

  it.effect("does not while the mark is reached and not passed", () =>
    Effect.gen(function* () {
      const { disk, keyId } = yield* diskAt(2, Limits.epochRotationMark - 1)
      yield* Effect.gen(function* () {
        yield* ready
        yield* sealingReady
        for (let at = 0; at < 20; at++) yield* put(`k${at}`, "v")
        expect((yield* status).localEpoch).toBe(0xff00)
        expect(yield* activeRaft).toBe(keyId)
        const { registry } = yield* Applier
        expect(WriterRegistry.needsRotation(registry, keyId)).toBe(false)
      }).pipe(Effect.provide(memoryNode({ disk, seed: 3 })))
    })
  )

  it.effect("proposes nothing while the barrier is closed, and does it afterwards", () =>
    Effect.gen(function* () {
      const { disk, keyId } = yield* diskAt(1, Limits.epochRotationMark)
      const node = yield* Stages.open(disk, Stages.registration)
      yield* Effect.gen(function* () {
        const barrier = yield* QuiescenceBarrier
        yield* Stages.reached(Stages.registration, node)
        barrier.close()
        node.holds.release()
        yield* sealingReady
        yield* settled
        expect(yield* activeRaft).toBe(keyId)
        const before = yield* entriesOf
        const done = yield* (yield* EncryptionAdmin).rotateDek({ purpose: "storage" })
        expect((yield* entriesOf).length, "a round, and no rotation by itself").toBe(
          before.length + 1
        )
        expect(yield* activeRaft).toBe(keyId)
        barrier.open()
        yield* put("a round", String(done.index))
        yield* untilActiveIsNot(keyId)
        expect((yield* status).keys).toHaveLength(4)
      }).pipe(Effect.provideContext(node.context))
    })
  )

  it.effect("beside an operator who does the same rotates once", () =>
    Effect.gen(function* () {
      const { disk, keyId } = yield* diskAt(1, Limits.epochRotationMark)
      yield* Effect.gen(function* () {
        yield* ready
        const admin = yield* EncryptionAdmin
        const done = yield* admin.rotateDek({ purpose: "raft", replaces: keyId })
        yield* sealingReady
        yield* put("a round", "1")
        expect(yield* activeRaft).toBe(done.keyId)
        expect((yield* status).keys).toHaveLength(3)
      }).pipe(Effect.provide(memoryNode({ disk, seed: 3 })))
    })
  )
})
