/**
 * The administration of the cluster as its users call it: an election is a pause (SPEC §13).
 * Proof: `test/layers/ClusterAdmin.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ClusterAdmin } from "../services/ClusterAdmin.ts"
import type { NodeConfig } from "../services/NodeConfig.ts"
import type { QuiescenceBarrier } from "../services/QuiescenceBarrier.ts"
import * as Patience from "./Patience.ts"

const make = Effect.gen(function* () {
  const admin = yield* ClusterAdmin
  const { duringElection: patiently } = yield* Patience.make
  return ClusterAdmin.of({
    members: admin.members,
    add: (request) => patiently(admin.add(request)),
    promote: (nodeName) => patiently(admin.promote(nodeName)),
    remove: (nodeName) => patiently(admin.remove(nodeName)),
    transferLeadership: (nodeName) => patiently(admin.transferLeadership(nodeName))
  })
})

/** Stands in front of the administration that it requires. */
export const layer: Layer.Layer<
  ClusterAdmin,
  never,
  ClusterAdmin | NodeConfig | QuiescenceBarrier
> = Layer.effect(ClusterAdmin, make)
