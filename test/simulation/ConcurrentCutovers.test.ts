/**
 * Two operators cut over at the same moment, in every order the scheduler can draw (SPEC §12: single
 * flight). One of them does it; the other is refused, or told that it is done.
 */

import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { describe, expect, it } from "vitest"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { memoryNode } from "../support/MemoryNode.ts"
import { cutOver, enableStorage, put, ready } from "../support/NodeCalls.ts"
import { Sim } from "./Sim.ts"

const answerOf = Effect.match(cutOver, {
  onSuccess: ({ wasAlreadyActive }) => (wasAlreadyActive ? "already active" : "cut over"),
  onFailure: ({ _tag }) => _tag
})

const twoOperators = Effect.gen(function* () {
  yield* ready
  yield* enableStorage
  yield* Effect.flatMap(RaftEngine, (engine) => engine.sealingReady)
  const answers = yield* Effect.all([answerOf, answerOf], { concurrency: "unbounded" })
  yield* put("a", "1")
  return answers
})

describe("two cutovers at once", () => {
  it("one cuts over, the other is refused or told so, over 300 seeds", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const program = twoOperators.pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
      const exit = new Sim(seed).run(program)
      if (Exit.isFailure(exit)) throw new Error(`seed ${seed}: ${JSON.stringify(exit.cause)}`)
      const [first, second] = [...exit.value].sort().reverse()
      expect(first, `seed ${seed}: ${exit.value}`).toBe("cut over")
      expect(["already active", "CutoverInFlight"], `seed ${seed}`).toContain(second)
    }
  }, 60_000)
})
