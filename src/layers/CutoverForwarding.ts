/**
 * The cutover of a node that may not lead: the leader runs it, whole (SPEC §9, §12).
 *
 * A caller who goes away interrupts its wait at the leader, and the cutover goes on there by the
 * release rule. What must never happen: a leader that is lost told as an answer, when its marker may be
 * in the log of the others. Proof: `test/layers/Forwarding.test.ts`, `CutoverCluster.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { CutoverOutcomeUnknown } from "../domain/encryption/Errors.ts"
import { Cutover } from "../services/Cutover.ts"
import type { LeaderConnection } from "../services/LeaderConnection.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import * as Forwarding from "./Forwarding.ts"

const make = Effect.gen(function* () {
  const cutover = yield* Cutover
  const config = yield* NodeConfig
  // Its turn, the latest configuration, its members, then each wait of the program.
  const orAtLeader = yield* Forwarding.make(
    2 * config.proposalTimeoutMillis +
      config.capabilityTimeoutMillis +
      config.registrationTimeoutMillis +
      config.drainTimeoutMillis +
      config.cutoverTimeoutMillis
  )
  return Cutover.of({
    ...cutover,
    enableRaftEnvelope: orAtLeader(cutover.enableRaftEnvelope, (leader) =>
      leader.EnableRaftEnvelope()
    ).pipe(Effect.catchTag("LeaderLost", () => Effect.fail(new CutoverOutcomeUnknown({})))),
    dryRun: orAtLeader(cutover.dryRun, (leader) =>
      Effect.map(leader.CutoverDryRun(), ({ cutoverIndex, nodes }) => ({
        cutoverIndex,
        nodes: nodes.map(({ nodeName, reason, softwareVersion }) => ({
          nodeName,
          softwareVersion,
          reason
        }))
      }))
    )
  })
})

/** Stands in front of the cutover that it requires. */
export const layer: Layer.Layer<Cutover, never, Cutover | LeaderConnection | NodeConfig> =
  Layer.effect(Cutover, make)
