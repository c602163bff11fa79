/** Reads a node's status off its parts. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Sidecar from "../domain/encryption/SidecarState.ts"
import { Applier } from "../services/Applier.ts"
import { NodeStatus } from "../services/NodeStatus.ts"
import { Opening } from "../services/Opening.ts"
import { RaftEngine } from "../services/RaftEngine.ts"

const make = Effect.gen(function* () {
  const applier = yield* Applier
  const engine = yield* RaftEngine
  const { bootCount, clusterId, incarnation, memberId, nodeName } = yield* Opening
  return NodeStatus.of({
    read: () => {
      const { commit, lastIndex, leader, role, term } = engine.status()
      const candidacyRenounced = engine.candidacyRenounced()
      return {
        nodeName,
        memberId,
        incarnation,
        clusterId,
        bootCount,
        role,
        term,
        ...(leader === undefined ? {} : { leader }),
        lastIndex,
        commitIndex: commit,
        appliedIndex: applier.position.index,
        revision: applier.revision,
        phase: Sidecar.phase(applier.sidecar),
        ...(candidacyRenounced === undefined ? {} : { candidacyRenounced })
      }
    }
  })
})

export const layer = Layer.effect(NodeStatus, make)
