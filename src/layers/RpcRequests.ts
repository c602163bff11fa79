/**
 * What every handler does with a request before it is one of a service: it is counted, so that a stop
 * lets it finish, and one that another node has handed on is known as such (SPEC §9).
 *
 * Proof: `test/layers/Forwarding.test.ts`, `test/layers/RpcSocket.test.ts`.
 */
import * as Effect from "effect/Effect"
import type * as Headers from "effect/http/Headers"
import { forwardedHeader } from "../domain/api/SealogApi.ts"
import { type NodeStopped, NotLeader } from "../domain/engine/Errors.ts"
import { ForwardedRequest } from "../services/ForwardedRequest.ts"
import { RpcDrain } from "./RpcDrain.ts"

interface Received {
  readonly headers: Headers.Headers
}

export const make = Effect.gen(function* () {
  const drain = yield* RpcDrain
  /** A leader that is stopping begins nothing: whoever asked may try the next one. */
  const nobody = Effect.fail(new NotLeader({ leader: undefined }))
  return {
    serve: <A, E>(
      { headers }: Received,
      request: Effect.Effect<A, E>
    ): Effect.Effect<A, E | NodeStopped | NotLeader> => {
      if (headers[forwardedHeader] === undefined) return drain.serve(request)
      return Effect.suspend(
        (): Effect.Effect<A, E | NodeStopped | NotLeader> =>
          drain.isDraining()
            ? nobody
            : drain.serve(Effect.provideService(request, ForwardedRequest, true))
      )
    }
  }
})
