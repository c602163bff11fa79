/**
 * SPEC §12: the node that runs a cutover knows how long each step took, on the test clock. That the
 * status has it: `EncryptionAdmin.test.ts`.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { Cutover } from "../../src/services/Cutover.ts"
import * as Stages from "../support/CutoverStages.ts"
import { start } from "../support/Fibers.ts"
import { cutOver } from "../support/NodeCalls.ts"

const timings = Effect.map(Cutover, (cutover) => cutover.timings())

const until = (condition: () => boolean) =>
  Effect.repeat(Effect.yieldNow, { while: () => !condition() })

describe("the timings of a cutover, on its node", () => {
  it.effect("have the gate, what is waited for, and how long the barrier was closed", () =>
    Effect.gen(function* () {
      const disk = yield* Stages.phase1
      const node = yield* Stages.open(disk, Stages.gate)
      yield* Effect.gen(function* () {
        expect(yield* timings).toBeUndefined()
        const run = yield* start(cutOver)
        yield* Stages.reached(Stages.gate, node)
        yield* TestClock.adjust(40)
        expect(yield* timings, "nothing has begun").toBeUndefined()
        disk.logWriteMillis = 300
        node.holds.release()
        yield* until(() => node.state() === "Appending")
        yield* TestClock.adjust(100)
        const running = { term: 3, stepMillis: { gate: 40, registration: 0, drain: 0 } }
        expect(yield* timings).toEqual({ ...running, stepBeganAt: 0, ended: undefined })
        yield* TestClock.adjust(200)
        const { barrierClosedMillis } = yield* Fiber.join(run)
        expect(yield* timings).toMatchObject({
          stepMillis: { ...running.stepMillis, append: 300, apply: 0 },
          ended: { end: "CutOver", barrierClosedMillis: 300 }
        })
        expect(barrierClosedMillis).toBe(300)
      }).pipe(Effect.provideContext(node.context))
    })
  )

  it.effect("stay those of the run, whoever asks for it again", () =>
    Effect.gen(function* () {
      const disk = yield* Stages.phase1
      const node = yield* Stages.open(disk, Stages.gate)
      node.holds.release()
      yield* Effect.gen(function* () {
        yield* cutOver
        const before = yield* timings
        expect(before?.ended?.end).toBe("CutOver")
        expect((yield* cutOver).wasAlreadyActive).toBe(true)
        expect(yield* timings).toBe(before)
      }).pipe(Effect.provideContext(node.context))
    })
  )
})
