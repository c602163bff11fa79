/**
 * Asks the leader where this node does not lead (SPEC §9).
 *
 * The leader admits, counts, seals and proposes; this node only carries. What must never happen: a
 * forwarded request forwarded again; a request repeated here, which is the caller's to decide
 * (`LeaderLost`). Proof: `test/layers/Forwarding.test.ts`.
 */
import * as Effect from "effect/Effect"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import { LeaderLost, NotLeader } from "../domain/engine/Errors.ts"
import type { MemberId } from "../domain/Ids.ts"
import { ForwardedRequest } from "../services/ForwardedRequest.ts"
import { type Leader, LeaderConnection } from "../services/LeaderConnection.ts"

/** This node follows, and knows whom. */
const isElsewhere = (error: unknown): error is NotLeader & { readonly leader: number } =>
  error instanceof NotLeader && error.leader !== undefined

/** `boundMillis`: how long an answer of the leader is waited for, who has bounds of its own. */
export const make = Effect.fnUntraced(function* (boundMillis: number) {
  const connection = yield* LeaderConnection
  return <A, E, F>(
    here: Effect.Effect<A, E>,
    atLeader: (leader: Leader) => Effect.Effect<A, F | RpcClientError>
  ): Effect.Effect<A, E | Exclude<F, RpcClientError> | LeaderLost | NotLeader> =>
    Effect.catch(
      here,
      (refusal): Effect.Effect<A, E | Exclude<F, RpcClientError> | LeaderLost | NotLeader> => {
        if (!isElsewhere(refusal)) return Effect.fail(refusal)
        const leader = refusal.leader as MemberId
        const lost = Effect.fail(
          new LeaderLost({ leader, cause: `no answer within ${boundMillis} ms` })
        )
        return Effect.flatMap(ForwardedRequest, (isForwarded) =>
          isForwarded
            ? Effect.fail(refusal)
            : Effect.timeoutOrElse(connection.ask(leader, atLeader), {
                duration: boundMillis,
                orElse: () => lost
              })
        )
      }
    )
})
