/**
 * The administration of the cluster behind RPC: each handler calls one method of `ClusterAdmin`
 * (SPEC §15). Proof: `test/e2e/Members.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Endpoint from "../domain/api/Endpoint.ts"
import { type MemberStatus as Answer, MemberApi } from "../domain/api/MemberApi.ts"
import { NodeNotIntroduced } from "../domain/members/Errors.ts"
import { ClusterAdmin, type MemberStatus } from "../services/ClusterAdmin.ts"
import * as RpcRequests from "./RpcRequests.ts"

export const layer = MemberApi.toLayer(
  Effect.gen(function* () {
    const admin = yield* ClusterAdmin
    const { serve } = yield* RpcRequests.make

    return MemberApi.of({
      MemberList: () => Effect.sync(() => admin.members().map(answerOf)),
      MemberAdd: ({ address, learner, nodeName }, request) => {
        const endpoint = Endpoint.parse(address)
        // Clients check it; no node is at what is no address.
        return endpoint === undefined
          ? Effect.fail(new NodeNotIntroduced({ nodeName, address }))
          : serve(request, admin.add({ nodeName, learner, address: endpoint }))
      },
      MemberPromote: ({ nodeName }, request) => serve(request, admin.promote(nodeName)),
      MemberRemove: ({ nodeName }, request) => serve(request, admin.remove(nodeName)),
      LeaderTransfer: ({ nodeName }, request) => serve(request, admin.transferLeadership(nodeName))
    })
  })
)

/** On the wire what is not known is absent. */
function answerOf({ address, endpoint, lag, match, ...known }: MemberStatus): Answer {
  return {
    ...known,
    ...(address === undefined ? {} : { address }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(match === undefined ? {} : { match }),
    ...(lag === undefined ? {} : { lag })
  }
}
