/**
 * Each step of the cutover × each way to interrupt it (SPEC §12): where the barrier is meanwhile, who
 * is refused, what the caller is told, and that what follows needs nobody's help.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import type { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import type { CutoverDone, CutoverFailure } from "../../src/services/Cutover.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { firstMarker } from "../simulation/SealedLogCheck.ts"
import * as Stages from "../support/CutoverStages.ts"
import { memoryNode } from "../support/MemoryNode.ts"
import { cutOver, get, put, ready, status } from "../support/NodeCalls.ts"

/** A caller held at the stage, and a user's write that was in before it if the stage drains. */
const held = Effect.fnUntraced(function* (disk: MemoryDisk, stage: Stages.Stage) {
  const node = yield* Stages.open(disk, stage)
  const inNode = Effect.provideContext(node.context)
  const now = { startImmediately: true }
  const early = stage.isDraining
    ? yield* Effect.forkChild(inNode(Effect.exit(put("early", "1"))), now)
    : undefined
  const caller = yield* Effect.forkChild(inNode(cutOver), now)
  yield* Stages.reached(stage, node)
  yield* inNode(assertHeld(stage))
  return { node, inNode, caller, early }
})

/** While a caller stands at the stage: others are refused if and only if the barrier is shut. */
const assertHeld = (stage: Stages.Stage) =>
  Effect.gen(function* () {
    const isShut = stage.mayBeInLog || stage.isDraining === true
    expect(yield* Stages.isShut).toBe(isShut)
    expect(yield* status).toMatchObject({ phase: 1, isWrapFlagSet: false, isBarrierClosed: isShut })
    if (!isShut) return
    expect(yield* Effect.flip(put("refused", "1"))).toMatchObject({ _tag: "CutoverInFlight" })
    expect(yield* Effect.flip(cutOver)).toMatchObject({ _tag: "CutoverInFlight" })
    expect(yield* Stages.isShut).toBe(true)
  })

/** Once the interruption is over: still held, but only if the marker may be in the log. */
const assertInterrupted = (stage: Stages.Stage) =>
  Effect.gen(function* () {
    expect(yield* Stages.isShut).toBe(stage.mayBeInLog)
    if (!stage.mayBeInLog) return
    // Whatever turns the scheduler takes, nothing but the marker opens it.
    for (let turn = 0; turn < 100; turn++) {
      expect(yield* Stages.isShut).toBe(true)
      yield* Effect.yieldNow
    }
    expect(yield* Effect.flip(put("refused", "1"))).toMatchObject({ _tag: "CutoverInFlight" })
    expect(yield* Effect.flip(cutOver)).toMatchObject({ _tag: "CutoverInFlight" })
  })

/** Nobody helps: the barrier opens, users write, and another call ends in phase 2. */
const assertResolved = (phase: 1 | 2) =>
  Effect.gen(function* () {
    yield* (yield* QuiescenceBarrier).opened
    expect(yield* status).toMatchObject({ phase, isWrapFlagSet: phase === 2 })
    expect(yield* Stages.markerIndexes).toHaveLength(phase === 2 ? 1 : 0)
    yield* put("late", "1")
    const retried = yield* cutOver
    expect(retried.wasAlreadyActive).toBe(phase === 2)
    expect(yield* Stages.markerIndexes).toEqual([retried.cutoverIndex])
    yield* put("sealed", "1")
    expect([yield* get("old"), yield* get("late"), yield* get("sealed")]).toEqual(["0", "1", "1"])
    expect(yield* get("refused")).toBeUndefined()
    expect(yield* status).toMatchObject({ phase: 2, isWrapFlagSet: true, isBarrierClosed: false })
  })

const started = Effect.gen(function* () {
  yield* ready
  yield* Effect.flatMap(RaftEngine, (engine) => engine.sealingReady)
})

describe("a caller who is interrupted", () => {
  for (const stage of Stages.stages) {
    it.effect(stage.name, () =>
      Effect.gen(function* () {
        const disk = yield* Stages.phase1
        const { caller, early, inNode, node } = yield* held(disk, stage)
        // Returns although what the step waits for is still held.
        yield* Fiber.interrupt(caller)
        yield* inNode(assertInterrupted(stage))
        node.holds.release()
        yield* inNode(assertResolved(stage.mayBeInLog ? 2 : 1))
        if (early !== undefined) expect(Exit.isSuccess(yield* Fiber.join(early))).toBe(true)
      })
    )
  }
})

describe("a caller whose time is over", () => {
  const told = new Map([
    [Stages.registration, "LeaderNotReady"],
    [Stages.draining, "DrainTimedOut"],
    [Stages.proposed, "CutoverOutcomeUnknown"],
    [Stages.durable, "CutoverOutcomeUnknown"]
  ])
  for (const [stage, answer] of told) {
    it.effect(`${stage.name}: ${answer}`, () =>
      Effect.gen(function* () {
        const disk = yield* Stages.phase1
        const { caller, inNode, node } = yield* held(disk, stage)
        yield* TestClock.adjust(stage.mayBeInLog ? 10_000 : 5_000)
        expect(yield* Effect.flip(Fiber.join(caller))).toMatchObject({ _tag: answer })
        yield* inNode(assertInterrupted(stage))
        node.holds.release()
        yield* inNode(assertResolved(stage.mayBeInLog ? 2 : 1))
      })
    )
  }
})

describe("a user who is gone while the cutover drains", () => {
  it.effect("is waited for all the same, because the write is in the log or will be", () =>
    Effect.gen(function* () {
      const disk = yield* Stages.phase1
      const { caller, early, inNode, node } = yield* held(disk, Stages.draining)
      yield* Fiber.interrupt(early!)
      yield* inNode(assertHeld(Stages.draining))
      expect(node.state()).toBe("Draining")
      node.holds.release()
      const { cutoverIndex } = yield* Fiber.join(caller)
      expect(yield* inNode(Stages.markerIndexes)).toEqual([cutoverIndex])
      expect(yield* inNode(get("early"))).toBe("1")
    })
  )
})

/** What a caller is told by a node that goes down is so, and no time passes before it is told. */
const assertTruth = (
  disk: MemoryDisk,
  stage: Stages.Stage,
  exit: Exit.Exit<CutoverDone, CutoverFailure>
) => {
  const marker = firstMarker(disk)
  if (Exit.isSuccess(exit)) return expect(marker).toBe(exit.value.cutoverIndex)
  const answer = Option.getOrThrow(Exit.findErrorOption(exit))._tag
  if (answer !== "CutoverOutcomeUnknown") expect(marker, answer).toBeUndefined()
  if (stage.isDraining) expect(answer).toBe("NodeStopped")
}

describe("a node that is stopped and started again", () => {
  for (const stage of Stages.stages) {
    it.effect(stage.name, () =>
      Effect.gen(function* () {
        const disk = yield* Stages.phase1
        const { caller, inNode, node } = yield* held(disk, stage)
        const barrier = yield* inNode(QuiescenceBarrier)
        const engine = yield* inNode(RaftEngine)
        const stopping = yield* Effect.forkChild(Scope.close(node.scope, Exit.void))
        // Held, the marker neither lets users in nor hides that the node stops.
        yield* Effect.yieldNow
        if (!barrier.state().isClosed) {
          expect(stage.mayBeInLog && engine.intake()._tag === "Open").toBe(false)
        }
        node.holds.release()
        yield* Fiber.join(stopping)
        assertTruth(disk, stage, yield* Fiber.await(caller))
        const reopened = Effect.gen(function* () {
          yield* started
          const { phase } = yield* status
          expect(phase === 2).toBe((yield* Stages.markerIndexes).length === 1)
          yield* assertResolved(phase as 1 | 2)
        })
        yield* Effect.provide(reopened, memoryNode({ disk, seed: 3 }))
      })
    )
  }
})

describe("a node whose power goes, started again", () => {
  for (const stage of Stages.stages) {
    for (const isStateKept of [false, true]) {
      it.effect(`${stage.name}, state ${isStateKept ? "flushed" : "behind the log"}`, () =>
        Effect.gen(function* () {
          const disk = yield* Stages.phase1
          disk.flush()
          const { caller, node } = yield* held(disk, stage)
          disk.crash({ keptCommits: isStateKept ? disk.unflushedCommits : 0 })
          disk.isOpen = true
          node.holds.release()
          assertTruth(disk, stage, yield* Fiber.await(caller))
          yield* Scope.close(node.scope, Exit.void)
          disk.isOpen = false
          const reopened = Effect.andThen(started, assertResolved(stage.phaseAfterCrash))
          yield* Effect.provide(reopened, memoryNode({ disk, seed: 3 }))
        })
      )
    }
  }
})
