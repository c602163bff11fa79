/**
 * What whoever forwarded a request makes of how it ended at the leader, or on the way there.
 *
 * What the leader refuses is the answer. What is said about the leader itself (it stopped, it does not
 * lead either) is not, because the one who asked did not ask that node. Proof:
 * `test/contracts/LeaderConnection.ts`.
 */
import * as Effect from "effect/Effect"
import {
  ConnectionLost,
  EndpointUnknown,
  EndpointUnreachable,
  RequestDied
} from "../domain/api/Errors.ts"
import { LeaderLost, NodeStopped, NotLeader } from "../domain/engine/Errors.ts"
import type { MemberId } from "../domain/Ids.ts"
import type { AskFailure } from "../services/MemberConnection.ts"

/** Nothing was sent, or where it was sent to nobody leads: another attempt does no harm. */
const nobody = new NotLeader({ leader: undefined })

type OfTheWay = AskFailure | NodeStopped | NotLeader

/** Hands on what is about the request, and translates what is about the leader. */
export const of = <A, E>(
  leader: MemberId,
  asked: Effect.Effect<A, E | AskFailure>
): Effect.Effect<A, E | LeaderLost | NotLeader> =>
  Effect.catch(asked, (failure) =>
    Effect.fail(isOfTheWay(failure) ? told(leader, failure) : (failure as E))
  )

const isOfTheWay = (failure: unknown): failure is OfTheWay =>
  failure instanceof NotLeader ||
  failure instanceof EndpointUnknown ||
  failure instanceof EndpointUnreachable ||
  failure instanceof ConnectionLost ||
  failure instanceof RequestDied ||
  failure instanceof NodeStopped

/** Where the other node would have turned is no help: it may be back here. */
const told = (leader: MemberId, failure: OfTheWay): LeaderLost | NotLeader =>
  failure instanceof NotLeader ||
  failure instanceof EndpointUnknown ||
  failure instanceof EndpointUnreachable
    ? nobody
    : new LeaderLost({
        leader,
        cause: failure instanceof NodeStopped ? failure.message : failure.cause
      })
