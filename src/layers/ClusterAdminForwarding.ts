/**
 * The administration of the cluster at a node that may not lead: changes go to the leader (SPEC §9);
 * the list is this node's own. Proof: `test/layers/Forwarding.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Endpoint from "../domain/api/Endpoint.ts"
import { ClusterAdmin } from "../services/ClusterAdmin.ts"
import type { LeaderConnection } from "../services/LeaderConnection.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import * as Forwarding from "./Forwarding.ts"

const make = Effect.gen(function* () {
  const admin = yield* ClusterAdmin
  const { capabilityTimeoutMillis, learnerCatchUpTimeoutMillis, proposalTimeoutMillis } =
    yield* NodeConfig
  // Patience, its turn, the latest configuration, the gate, a registration, then the change.
  const changeMillis = 5 * proposalTimeoutMillis + capabilityTimeoutMillis
  const orAtLeader = yield* Forwarding.make(changeMillis)
  // A change, the wait for the newcomer, and another change.
  const orAddAtLeader = yield* Forwarding.make(2 * changeMillis + learnerCatchUpTimeoutMillis)
  return ClusterAdmin.of({
    members: admin.members,
    add: ({ address, learner, nodeName }) =>
      orAddAtLeader(admin.add({ address, learner, nodeName }), (leader) =>
        leader.MemberAdd({ nodeName, learner, address: Endpoint.format(address) })
      ),
    promote: (nodeName) =>
      orAtLeader(admin.promote(nodeName), (leader) => leader.MemberPromote({ nodeName })),
    remove: (nodeName) =>
      orAtLeader(admin.remove(nodeName), (leader) => leader.MemberRemove({ nodeName })),
    transferLeadership: (nodeName) =>
      orAtLeader(admin.transferLeadership(nodeName), (leader) =>
        leader.LeaderTransfer({ nodeName })
      )
  })
})

/** Stands in front of the administration that it requires. */
export const layer: Layer.Layer<ClusterAdmin, never, ClusterAdmin | LeaderConnection | NodeConfig> =
  Layer.effect(ClusterAdmin, make)
