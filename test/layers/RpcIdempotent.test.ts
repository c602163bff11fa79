import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { ConnectionLost, EndpointUnreachable } from "../../src/domain/api/Errors.ts"
import {
  CutoverInFlight,
  CutoverOutcomeUnknown,
  DrainTimedOut,
  StorageEnvelopeNotEnabled
} from "../../src/domain/encryption/Errors.ts"
import { LeaderNotReady, NodeStopped, NotLeader } from "../../src/domain/engine/Errors.ts"
import * as RpcIdempotent from "../../src/layers/RpcIdempotent.ts"
import { start } from "../support/Fibers.ts"

type Refusal =
  | ConnectionLost
  | CutoverInFlight
  | CutoverOutcomeUnknown
  | DrainTimedOut
  | EndpointUnreachable
  | LeaderNotReady
  | NodeStopped
  | NotLeader
  | StorageEnvelopeNotEnabled

const endpoint = "127.0.0.1:7"
const lost = new ConnectionLost({ endpoint, cause: "it was closed" })

/** Refuses in this order, the last of it for ever; answers where there is none. */
const scripted = (refusals: ReadonlyArray<Refusal>, endsWith?: Refusal) => {
  const script = {
    askedCount: 0,
    request: Effect.succeed("done") as Effect.Effect<string, Refusal>
  }
  script.request = Effect.suspend(() => {
    const refusal = refusals[script.askedCount] ?? endsWith
    script.askedCount += 1
    return refusal === undefined ? Effect.succeed("done") : Effect.fail(refusal)
  })
  return script
}

const answered = <A, E>(asking: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const fibre = yield* start(Effect.result(asking))
    while (fibre.pollUnsafe() === undefined) yield* TestClock.adjust(100)
    return yield* Fiber.join(fibre)
  })

describe("a request that may be asked again", () => {
  it.effect("is, until it is known what became of it", () =>
    Effect.gen(function* () {
      const script = scripted([
        new CutoverOutcomeUnknown({}),
        new NotLeader({ leader: undefined }),
        new LeaderNotReady({ awaits: "noop" }),
        new CutoverInFlight({}),
        lost,
        new EndpointUnreachable({ endpoint, cause: "ECONNREFUSED" }),
        new NodeStopped({ reason: "it is shutting down" })
      ])
      expect(yield* answered(RpcIdempotent.ask(script.request))).toMatchObject({ success: "done" })
      expect(script.askedCount).toBe(8)
    })
  )

  it.effect("is not after a definite refusal, also where an attempt was open before", () =>
    Effect.gen(function* () {
      const first = scripted([new StorageEnvelopeNotEnabled({})])
      expect(yield* answered(RpcIdempotent.ask(first.request))).toMatchObject({
        failure: { _tag: "StorageEnvelopeNotEnabled" }
      })
      expect(first.askedCount).toBe(1)
      // The next leader has applied what survived before it refuses (SPEC §13): nothing did.
      const later = scripted([lost, new DrainTimedOut({ timeoutMillis: 5 })])
      expect(yield* answered(RpcIdempotent.ask(later.request))).toMatchObject({
        failure: { _tag: "DrainTimedOut" }
      })
      expect(later.askedCount).toBe(2)
    })
  )

  it.effect("ends at its deadline, and says that the outcome is open if it is", () =>
    Effect.gen(function* () {
      const none = new NotLeader({ leader: undefined })
      const open = scripted([new CutoverOutcomeUnknown({})], none)
      expect(
        yield* answered(RpcIdempotent.ask(open.request, { deadlineMillis: 5_000 }))
      ).toMatchObject({ failure: { _tag: "CutoverOutcomeUnknown" } })
      expect(open.askedCount).toBeGreaterThan(5)
      const refused = scripted([], none)
      expect(
        yield* answered(RpcIdempotent.ask(refused.request, { deadlineMillis: 5_000 }))
      ).toMatchObject({ failure: { _tag: "NotLeader" } })
    })
  )
})
