/** Writes of sessions that no entry can carry are refused before they share a batch (SPEC §7). */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { SessionId } from "../../src/domain/log/Request.ts"
import { Coordinator } from "../../src/services/Coordinator.ts"
import { settled, start } from "../support/Fibers.ts"
import {
  coordinatorOver,
  HeldEngine,
  inflightCount,
  propose,
  requestsOf
} from "../support/HeldEngine.ts"

describe("a coordinator", () => {
  it.effect.each([0, -1, 1.5, Number.NaN, 2 ** 53])(
    "refuses the sequence %d, which no entry can carry, and goes on",
    (sequence) => {
      const engine = new HeldEngine()
      return Effect.gen(function* () {
        const { proposeOnce } = yield* Coordinator
        const sessionId = SessionId.make("0".repeat(32))
        const refused = yield* start(proposeOnce(Buffer.from("a"), { sessionId, sequence }))
        yield* settled
        expect(refused.pollUnsafe()).toBeDefined()
        expect(yield* Effect.flip(Fiber.join(refused))).toMatchObject({
          _tag: "SequenceOutOfRange"
        })
        yield* start(propose("b"))
        expect(requestsOf(yield* engine.proposal(1))).toEqual(["b"])
        expect(yield* inflightCount).toBe(1)
      }).pipe(Effect.provide(coordinatorOver(engine)))
    }
  )
})
