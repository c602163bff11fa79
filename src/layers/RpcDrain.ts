/**
 * Counts the requests a node is answering, so that a stop can let them finish.
 *
 * Once draining has begun no request is begun any more: `NodeStopped`, and nothing was proposed. The
 * wait is bounded by `NodeConfig.proposalTimeoutMillis`. Proof: `test/layers/RpcSocket.test.ts`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import { NodeStopped } from "../domain/engine/Errors.ts"
import { NodeConfig } from "../services/NodeConfig.ts"

/** The last answers are on their way to the socket in the turn in which the count reaches 0. */
const lastAnswersMillis = 20

export class RpcDrain extends Context.Service<
  RpcDrain,
  {
    /** Runs a request and counts it until it has ended in whatever way. */
    readonly serve: <A, E, R>(
      request: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E | NodeStopped, R>
    /** Is no request begun any more? */
    readonly isDraining: () => boolean
    /** Begins no further request; returns when those begun have ended, or after the time-out. */
    readonly drain: Effect.Effect<void>
  }
>()("sealog/RpcDrain") {}

const make = Effect.gen(function* () {
  const { proposalTimeoutMillis } = yield* NodeConfig
  const idle = yield* Latch.make(true)
  let count = 0
  let isDraining = false

  const end = Effect.sync(() => {
    count -= 1
    if (count === 0) idle.openUnsafe()
  })
  return RpcDrain.of({
    serve: <A, E, R>(request: Effect.Effect<A, E, R>) =>
      Effect.suspend((): Effect.Effect<A, E | NodeStopped, R> => {
        if (isDraining) return Effect.fail(new NodeStopped({ reason: "it is shutting down" }))
        count += 1
        idle.closeUnsafe()
        return Effect.ensuring(request, end)
      }),
    isDraining: () => isDraining,
    drain: Effect.suspend(() => {
      isDraining = true
      return idle.await.pipe(
        Effect.timeoutOption(proposalTimeoutMillis),
        Effect.andThen(Effect.sleep(lastAnswersMillis))
      )
    })
  })
})

export const layer: Layer.Layer<RpcDrain, never, NodeConfig> = Layer.effect(RpcDrain, make)
