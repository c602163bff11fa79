/**
 * Status and the encryption phases behind RPC (SPEC §2, §12).
 *
 * A client that hangs up interrupts its handler; the cutover itself goes on (SPEC §12, release rule).
 * Proof: `test/layers/RpcSocket.test.ts`.
 */
import * as Effect from "effect/Effect"
import { AdminApi, type CutoverRehearsal as Answer } from "../domain/api/AdminApi.ts"
import { Cutover, type CutoverRehearsal } from "../services/Cutover.ts"
import { EncryptionAdmin } from "../services/EncryptionAdmin.ts"
import { EncryptionSurvey } from "../services/EncryptionSurvey.ts"
import { NodeStatus } from "../services/NodeStatus.ts"
import * as RpcRequests from "./RpcRequests.ts"

export const layer = AdminApi.toLayer(
  Effect.gen(function* () {
    const admin = yield* EncryptionAdmin
    const cutover = yield* Cutover
    const node = yield* NodeStatus
    const survey = yield* EncryptionSurvey
    const { serve } = yield* RpcRequests.make

    return AdminApi.of({
      AdminStatus: () => Effect.sync(node.read),
      EncryptionStatus: () => Effect.sync(admin.status),
      EncryptionSurvey: () => survey.read,
      EnableStorageEnvelope: (_, request) => serve(request, admin.enableStorageEnvelope),
      RotateDek: (asked, request) => serve(request, admin.rotateDek(asked)),
      EnableRaftEnvelope: (_, request) => serve(request, cutover.enableRaftEnvelope),
      CutoverDryRun: (_, request) => serve(request, Effect.map(cutover.dryRun, rehearsalOf))
    })
  })
)

/** On the wire what is not known is absent. */
const rehearsalOf = ({ cutoverIndex, nodes }: CutoverRehearsal): typeof Answer.Type => ({
  ...(cutoverIndex === undefined ? {} : { cutoverIndex }),
  nodes: nodes.map(({ nodeName, reason, softwareVersion }) => ({
    nodeName,
    ...(softwareVersion === undefined ? {} : { softwareVersion }),
    ...(reason === undefined ? {} : { reason })
  }))
})
