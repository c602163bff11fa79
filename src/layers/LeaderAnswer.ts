/**
 * What whoever forwarded a request makes of how it ended at the leader, or on the way there.
 *
 * What the leader refuses is the answer. What is said about the leader itself (it stopped, it does not
 * lead either) is not, because the one who asked did not ask that node. Proof:
 * `test/contracts/LeaderConnection.ts`.
 */
import * as Effect from "effect/Effect"
import * as RpcClient from "effect/rpc/RpcClient"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import { ConnectionLost, EndpointUnreachable, RequestDied } from "../domain/api/Errors.ts"
import { forwardedHeader } from "../domain/api/SealogApi.ts"
import { LeaderLost, NodeStopped, NotLeader } from "../domain/engine/Errors.ts"
import type { MemberId } from "../domain/Ids.ts"
import * as RpcConnection from "./RpcConnection.ts"

/** Nothing was sent, or where it was sent to nobody leads: another attempt does no harm. */
export const nobody = new NotLeader({ leader: undefined })

/** Sends a request that is marked as forwarded; `endpoint` names the leader where that helps. */
export const marked = <A, E>(
  endpoint: string,
  request: Effect.Effect<A, E | RpcClientError>
): Effect.Effect<A, Exclude<E, RpcClientError> | RpcConnection.CallFailure> =>
  RpcConnection.answered(endpoint, RpcClient.withHeaders(request, { [forwardedHeader]: "1" }))

type OfTheWay = ConnectionLost | EndpointUnreachable | NodeStopped | NotLeader | RequestDied

/** Hands on what is about the request, and translates what is about the leader. */
export const of = <A, E>(
  leader: MemberId,
  asked: Effect.Effect<A, E | RpcConnection.CallFailure | EndpointUnreachable>
): Effect.Effect<A, E | LeaderLost | NotLeader> =>
  Effect.catch(asked, (failure) =>
    Effect.fail(isOfTheWay(failure) ? told(leader, failure) : (failure as E))
  )

const isOfTheWay = (failure: unknown): failure is OfTheWay =>
  failure instanceof NotLeader ||
  failure instanceof EndpointUnreachable ||
  failure instanceof ConnectionLost ||
  failure instanceof RequestDied ||
  failure instanceof NodeStopped

/** Where the other node would have turned is no help: it may be back here. */
const told = (leader: MemberId, failure: OfTheWay): LeaderLost | NotLeader =>
  failure instanceof NotLeader || failure instanceof EndpointUnreachable
    ? nobody
    : new LeaderLost({
        leader,
        cause: failure instanceof NodeStopped ? failure.message : failure.cause
      })
