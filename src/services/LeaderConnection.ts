/**
 * The way to the member that leads, for requests that only a leader can answer (SPEC §9).
 *
 * What must never happen: a request sent twice; one told as not sent that may have been. Proof:
 * `test/contracts/LeaderConnection.ts`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import type { LeaderLost, NotLeader } from "../domain/engine/Errors.ts"
import type { MemberId } from "../domain/Ids.ts"
import type { Member } from "./MemberConnection.ts"

/** The leader's own contract; what is called through it is marked as forwarded. */
export type Leader = Member

export class LeaderConnection extends Context.Service<
  LeaderConnection,
  {
    /**
     * Asks once. `NotLeader` without a leader: nothing was sent, or the member does not lead either.
     * `LeaderLost`: it was sent and no answer came. What the leader refuses comes as it is.
     * Interrupting it interrupts the request at the leader.
     */
    readonly ask: <A, E>(
      leader: MemberId,
      request: (leader: Leader) => Effect.Effect<A, E | RpcClientError>
    ) => Effect.Effect<A, Exclude<E, RpcClientError> | LeaderLost | NotLeader>
  }
>()("sealog/LeaderConnection") {}
