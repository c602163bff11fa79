/**
 * The caller of a cutover, interrupted at each single operation of its fibre in turn (SPEC §12).
 *
 * Wherever it is hit, the barrier opens again by itself, users write on, and another call cuts over or
 * says that it is done. The places are counted, not drawn: none is left out.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { memoryNode } from "../support/MemoryNode.ts"
import { cutOver, enableStorage, get, put, ready, status } from "../support/NodeCalls.ts"
import { Sim } from "./Sim.ts"

/** Interrupts one fibre before its n-th operation, while it is suspended there. */
class InterruptingSim extends Sim {
  private victim: Fiber.Fiber<unknown, unknown> | undefined
  private operationsLeft = 0
  private isDue = false

  interruptAt(victim: Fiber.Fiber<unknown, unknown>, operation: number): void {
    this.victim = victim
    this.operationsLeft = operation
  }

  override shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    if (fiber !== this.victim) return super.shouldYield(fiber)
    this.operationsLeft -= 1
    if (this.operationsLeft === 0) this.isDue = true
    return this.isDue || super.shouldYield(fiber)
  }

  override scheduleTask(task: () => void): void {
    if (!this.isDue) return super.scheduleTask(task)
    this.isDue = false
    super.scheduleTask(() => {
      this.victim?.interruptUnsafe()
      super.scheduleTask(task)
    })
  }
}

type Ending = "answered" | "interrupted"

const interruptedAt = (sim: InterruptingSim, disk: MemoryDisk, operation: number) =>
  Effect.gen(function* () {
    yield* ready
    yield* enableStorage
    yield* Effect.flatMap(RaftEngine, (engine) => engine.sealingReady)
    disk.logWriteMillis = 2
    const barrier = yield* QuiescenceBarrier
    const before = yield* Effect.forkChild(put("before", "1"))
    // Admitted, or the closed barrier would refuse it, and rightly.
    while (barrier.state().inflightCount === 0) yield* Effect.yieldNow
    const run = yield* Effect.forkChild(cutOver)
    sim.interruptAt(run, operation)
    const exit = yield* Fiber.await(run)
    yield* Effect.timeout(barrier.opened, 100)
    yield* put("after", "2")
    yield* Fiber.join(before)
    const { phase } = yield* status
    const again = yield* cutOver
    expect(again.wasAlreadyActive).toBe(phase === 2)
    yield* put("sealed", "3")
    expect(yield* get("before")).toBe("1")
    expect(yield* get("after")).toBe("2")
    const ending: Ending = Exit.isSuccess(exit) ? "answered" : "interrupted"
    return { ending, phase }
  }).pipe(Effect.provide(memoryNode({ disk })))

describe("a cutover interrupted at each of its operations", () => {
  // Of one seed, so that it is the same run that is interrupted, one operation later each time.
  it.each([1, 2, 3, 4])(
    "always opens the barrier by itself, and another call ends it: seed %d",
    (seed) => {
      const phases = { 0: 0, 1: 0, 2: 0 }
      let operation = 1
      for (; ; operation++) {
        const sim = new InterruptingSim(seed)
        const exit = sim.run(interruptedAt(sim, new MemoryDisk(), operation))
        if (Exit.isFailure(exit)) {
          throw new Error(`at operation ${operation}: ${JSON.stringify(exit.cause)}`)
        }
        if (exit.value.ending === "answered") break
        phases[exit.value.phase] += 1
      }
      // Both before the marker and after it.
      expect(phases[1]).toBeGreaterThan(20)
      expect(phases[2]).toBeGreaterThan(20)
      expect(operation).toBe(phases[1] + phases[2] + 1)
    },
    60_000
  )
})
