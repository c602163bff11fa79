/**
 * A rotation of the raft DEK that races the marker (SPEC §11, §12, §20): the marker names a key that is
 * no longer active, so nothing is cut over, and the next attempt is for the new key.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Command from "../../src/domain/encryption/Command.ts"
import * as EncryptionAdminPatient from "../../src/layers/EncryptionAdminPatient.ts"
import { Applier } from "../../src/services/Applier.ts"
import { EncryptionAdmin } from "../../src/services/EncryptionAdmin.ts"
import { Keystore } from "../../src/services/Keystore.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import * as Stages from "../support/CutoverStages.ts"
import { administer, cutOver, get, put, status } from "../support/NodeCalls.ts"

/** A new active raft DEK, from whoever does not ask whether a cutover is under way. */
const rotate = Effect.gen(function* () {
  const { active, clusterId, keys } = (yield* Applier).sidecar
  const taken = new Set(keys.map(({ id }) => id))
  const drawn = yield* (yield* Keystore).draw({ purpose: "raft", clusterId, taken })
  const command = Command.encode({
    _tag: "Rotate",
    purpose: "raft",
    replaces: active.raft,
    ...drawn
  })
  expect(yield* administer(command)).toEqual({ _tag: "Applied" })
})

const assertRefused = (caller: Fiber.Fiber<unknown, unknown>, markers: number) =>
  Effect.gen(function* () {
    expect(yield* Effect.flip(Fiber.join(caller))).toMatchObject({ _tag: "RaftDekChanged" })
    expect(yield* status).toMatchObject({ phase: 1, isWrapFlagSet: false, isBarrierClosed: false })
    expect(yield* Stages.markerIndexes).toHaveLength(markers)
    yield* put("plain", "1")
  })

/** The new key is registered by itself, and sealed with. */
const assertSecondAttempt = Effect.gen(function* () {
  const done = yield* cutOver
  expect(done.wasAlreadyActive).toBe(false)
  expect((yield* Stages.markerIndexes).at(-1)).toBe(done.cutoverIndex)
  yield* put("sealed", "1")
  expect([yield* get("plain"), yield* get("sealed")]).toEqual(["1", "1"])
  const { keys, phase } = yield* status
  expect(phase).toBe(2)
  expect(keys.filter(({ purpose }) => purpose === "raft")).toHaveLength(2)
})

/** A caller who waits for a write that is on its way for ever, or until it is settled. */
const drainingCaller = Effect.gen(function* () {
  const barrier = yield* QuiescenceBarrier
  const { term } = (yield* RaftEngine).status()
  barrier.admit({ source: "user", term })
  const caller = yield* Effect.forkChild(cutOver)
  while (!barrier.state().isClosed) yield* Effect.yieldNow
  return { caller, settle: Effect.sync(() => barrier.settle({ count: 1, term })) }
})

describe("the raft DEK is rotated while a cutover is under way", () => {
  it.effect("before the barrier: refused, and nothing is proposed", () =>
    Effect.gen(function* () {
      const node = yield* Stages.open(yield* Stages.phase1, Stages.gate)
      yield* Effect.gen(function* () {
        const caller = yield* Effect.forkChild(cutOver)
        yield* Stages.reached(Stages.gate, node)
        yield* rotate
        node.holds.release()
        yield* assertRefused(caller, 0)
        yield* assertSecondAttempt
      }).pipe(Effect.provideContext(node.context))
    })
  )

  it.effect("while it drains: the barrier lets it pass, and the marker is stale", () =>
    Effect.gen(function* () {
      const node = yield* Stages.open(yield* Stages.phase1, Stages.draining)
      node.holds.release()
      yield* Effect.gen(function* () {
        const { caller, settle } = yield* drainingCaller
        yield* rotate
        expect(yield* Stages.isShut).toBe(true)
        yield* settle
        yield* assertRefused(caller, 1)
        yield* assertSecondAttempt
      }).pipe(Effect.provideContext(node.context))
    })
  )

  it.effect("while it drains, by an operator: waits, and is done when the cutover is", () =>
    Effect.gen(function* () {
      const node = yield* Stages.open(yield* Stages.phase1, Stages.draining)
      node.holds.release()
      yield* Effect.gen(function* () {
        const { caller, settle } = yield* drainingCaller
        const admin = yield* EncryptionAdmin
        const asked = { purpose: "raft" } as const
        expect(yield* Effect.flip(admin.rotateDek(asked))).toMatchObject({
          _tag: "CutoverInFlight"
        })
        const patient = yield* Layer.build(EncryptionAdminPatient.layer)
        const operator = yield* Effect.forkChild(
          Context.get(patient, EncryptionAdmin).rotateDek(asked),
          { startImmediately: true }
        )
        expect(yield* Stages.isShut).toBe(true)
        yield* settle
        const { cutoverIndex } = yield* Fiber.join(caller)
        const { index, keyId } = yield* Fiber.join(operator)
        expect(index).toBeGreaterThan(cutoverIndex)
        expect((yield* Applier).sidecar.active.raft).toBe(keyId)
        yield* Effect.flatMap(RaftEngine, (engine) => engine.sealingReady)
        yield* put("sealed", "1")
        expect([yield* get("old"), yield* get("sealed")]).toEqual(["0", "1"])
      }).pipe(Effect.provideContext(node.context), Effect.scoped)
    })
  )

  it.effect("on the disk before the marker, neither of them applied: the marker is stale", () =>
    Effect.gen(function* () {
      const node = yield* Stages.open(yield* Stages.phase1, Stages.draining)
      yield* Effect.gen(function* () {
        const { caller, settle } = yield* drainingCaller
        const rotating = yield* Effect.forkChild(rotate)
        while (node.holds.beforeWrite.waitingCount === 0) yield* Effect.yieldNow
        yield* settle
        while (node.state() !== "Appending") yield* Effect.yieldNow
        node.holds.release()
        yield* Fiber.join(rotating)
        yield* assertRefused(caller, 1)
        yield* assertSecondAttempt
      }).pipe(Effect.provideContext(node.context))
    })
  )
})
