/**
 * The way from this node to another member, as its client (SPEC §9, §12).
 *
 * What must never happen: a request sent twice; one told as not sent that may have been. Proof:
 * `test/contracts/LeaderConnection.ts`, `test/layers/EncryptionSurvey.test.ts`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as RpcClient from "effect/rpc/RpcClient"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import type {
  ConnectionLost,
  EndpointUnknown,
  EndpointUnreachable,
  RequestDied
} from "../domain/api/Errors.ts"
import type { SealogApi } from "../domain/api/SealogApi.ts"
import type { MemberId } from "../domain/Ids.ts"

/** What that member serves; what is called through it is marked as forwarded, and as meant for it. */
export type Member = RpcClient.FromGroup<typeof SealogApi, RpcClientError>

/** After the first two nothing was sent. */
export type AskFailure = EndpointUnknown | EndpointUnreachable | ConnectionLost | RequestDied

export class MemberConnection extends Context.Service<
  MemberConnection,
  {
    /** Asks once; what the member refuses comes as it is. Interruption interrupts the request there. */
    readonly ask: <A, E>(
      member: MemberId,
      request: (member: Member) => Effect.Effect<A, E | RpcClientError>
    ) => Effect.Effect<A, Exclude<E, RpcClientError> | AskFailure>
  }
>()("sealog/MemberConnection") {}
