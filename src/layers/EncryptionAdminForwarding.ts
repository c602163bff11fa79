/**
 * The encryption administration of a node that may not lead: what changes something goes to the leader
 * (SPEC §9); the status is this node's own. Proof: `test/layers/Forwarding.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { EncryptionAdmin } from "../services/EncryptionAdmin.ts"
import type { LeaderConnection } from "../services/LeaderConnection.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import * as Forwarding from "./Forwarding.ts"

const make = Effect.gen(function* () {
  const admin = yield* EncryptionAdmin
  const { capabilityTimeoutMillis, proposalTimeoutMillis } = yield* NodeConfig
  // Its turn, the latest configuration, its members, then a bootstrap, then the enabling itself.
  const orAtLeader = yield* Forwarding.make(4 * proposalTimeoutMillis + capabilityTimeoutMillis)
  // The leader's patience, then the last attempt of it.
  const rotatedAtLeader = yield* Forwarding.make(2 * proposalTimeoutMillis)
  return EncryptionAdmin.of({
    ...admin,
    enableStorageEnvelope: orAtLeader(admin.enableStorageEnvelope, (leader) =>
      leader.EnableStorageEnvelope()
    ),
    rotateDek: (request) =>
      rotatedAtLeader(admin.rotateDek(request), (leader) => leader.RotateDek(request))
  })
})

/** Stands in front of the administration that it requires. */
export const layer: Layer.Layer<
  EncryptionAdmin,
  never,
  EncryptionAdmin | LeaderConnection | NodeConfig
> = Layer.effect(EncryptionAdmin, make)
