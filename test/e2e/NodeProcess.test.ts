/** What is said of a process that does not do what it should, by a clock that the test holds. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as NodeProcess from "../../scripts/demo/NodeProcess.ts"

/** Runs, and never says a word. */
const silent: NodeProcess.Launch = {
  wrapper: [process.execPath, "-e", "setInterval(() => {}, 1000)"]
}

const reasonOf = <A>(wait: Effect.Effect<A, NodeProcess.ProcessFailure>) =>
  Effect.gen(function* () {
    const waiting = yield* Effect.forkChild(Effect.flip(wait), { startImmediately: true })
    yield* TestClock.adjust("2 minutes")
    return (yield* Fiber.join(waiting)).reason
  })

describe("a process that never gets ready", () => {
  it.effect("is said not to be ready, not that it does not end", () =>
    Effect.gen(function* () {
      const node = yield* NodeProcess.start(["serve"], silent)
      assert.include(yield* reasonOf(node.firstLine), "is not ready after")
      assert.include(yield* reasonOf(node.said(/ready/)), "has not said /ready/")
    })
  )
})

describe("a process that does not end", () => {
  it.effect("is said so", () =>
    Effect.gen(function* () {
      const node = yield* NodeProcess.start(["serve"], silent)
      assert.include(yield* reasonOf(node.end), "has not ended within")
    })
  )
})
