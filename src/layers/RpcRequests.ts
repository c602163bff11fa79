/**
 * What every handler does with a request before it is one of a service: it is counted, so that a stop
 * lets it finish, and one that another node has handed on is known as such (SPEC §9).
 *
 * What must never happen: a request begun that was handed on to another member, or to one of another
 * cluster. Proof: `test/layers/ForwardingAddressee.test.ts`, `test/layers/Forwarding.test.ts`,
 * `test/layers/RpcSocket.test.ts`.
 */
import * as Effect from "effect/Effect"
import type * as Headers from "effect/http/Headers"
import * as ForwardedHeader from "../domain/api/ForwardedHeader.ts"
import { type NodeStopped, NotLeader } from "../domain/engine/Errors.ts"
import { ForwardedRequest } from "../services/ForwardedRequest.ts"
import { NodeStatus } from "../services/NodeStatus.ts"
import { RpcDrain } from "./RpcDrain.ts"

interface Received {
  readonly headers: Headers.Headers
}

export const make = Effect.gen(function* () {
  const drain = yield* RpcDrain
  // Admitted before it serves anybody, and the same for as long as it runs.
  const ownMark = ForwardedHeader.valueFor((yield* NodeStatus).read())
  /** Nothing was begun: whoever asked may try the next one. */
  const nobody = Effect.fail(new NotLeader({ leader: undefined }))
  return {
    serve: <A, E>(
      { headers }: Received,
      request: Effect.Effect<A, E>
    ): Effect.Effect<A, E | NodeStopped | NotLeader> => {
      const mark = headers[ForwardedHeader.name]
      if (mark === undefined) return drain.serve(request)
      if (mark !== ownMark) return nobody
      // A leader that is stopping begins nothing.
      return Effect.suspend(
        (): Effect.Effect<A, E | NodeStopped | NotLeader> =>
          drain.isDraining()
            ? nobody
            : drain.serve(Effect.provideService(request, ForwardedRequest, true))
      )
    }
  }
})
