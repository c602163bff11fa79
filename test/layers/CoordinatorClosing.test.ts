/** A coordinator that closes while requests wait and are on their way (SPEC §9). */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { NodeStopped } from "../../src/domain/engine/Errors.ts"
import { settled, start } from "../support/Fibers.ts"
import {
  coordinatorOver,
  echoed,
  HeldEngine,
  inflightCount,
  propose
} from "../support/HeldEngine.ts"

describe("a coordinator that closes", () => {
  it.effect("leaves nobody to a time-out: what is on its way is seen through", () => {
    const engine = new HeldEngine()
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(coordinatorOver(engine), scope)
      const inNode = Effect.provideContext(context)
      const first = yield* start(inNode(propose("a")))
      const one = yield* engine.proposal(1)
      const second = yield* start(inNode(propose("b")))
      yield* Scope.close(scope, Exit.void)
      expect(yield* Effect.flip(Fiber.join(second))).toMatchObject({ _tag: "NodeStopped" })
      expect(yield* Effect.flip(inNode(propose("c")))).toMatchObject({ _tag: "NodeStopped" })
      one.appended()
      yield* settled
      expect(engine.held).toHaveLength(1)
      expect(yield* inNode(inflightCount)).toBe(1)
      one.applied(echoed(one))
      expect(yield* Fiber.join(first)).toBe("A")
      expect(yield* inNode(inflightCount)).toBe(0)
    })
  })

  it.effect("answers a batch that the engine refuses afterwards", () => {
    const engine = new HeldEngine()
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(coordinatorOver(engine), scope)
      const inNode = Effect.provideContext(context)
      const caller = yield* start(inNode(propose("a")))
      const held = yield* engine.proposal(1)
      yield* Scope.close(scope, Exit.void)
      held.appended(new NodeStopped({ reason: "a test" }))
      expect(yield* Effect.flip(Fiber.join(caller))).toMatchObject({ _tag: "NodeStopped" })
      expect(yield* inNode(inflightCount)).toBe(0)
    })
  })
})
