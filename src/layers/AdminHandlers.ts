/**
 * Status and the encryption phases behind RPC (SPEC §2, §12).
 *
 * A client that hangs up interrupts its handler; the cutover itself goes on (SPEC §12, release rule).
 * Proof: `test/layers/RpcSocket.test.ts`.
 */
import * as Effect from "effect/Effect"
import { AdminApi, type EncryptionStatus as Answer } from "../domain/api/AdminApi.ts"
import type { LocalEpoch } from "../domain/Ids.ts"
import { Cutover } from "../services/Cutover.ts"
import { EncryptionAdmin, type EncryptionStatus } from "../services/EncryptionAdmin.ts"
import { NodeStatus } from "../services/NodeStatus.ts"
import * as RpcRequests from "./RpcRequests.ts"

export const layer = AdminApi.toLayer(
  Effect.gen(function* () {
    const admin = yield* EncryptionAdmin
    const cutover = yield* Cutover
    const node = yield* NodeStatus
    const { serve } = yield* RpcRequests.make

    return AdminApi.of({
      AdminStatus: () => Effect.sync(node.read),
      EncryptionStatus: () => Effect.sync(() => answerOf(admin.status())),
      EnableStorageEnvelope: (_, request) => serve(request, admin.enableStorageEnvelope),
      RotateDek: (asked, request) => serve(request, admin.rotateDek(asked)),
      EnableRaftEnvelope: (_, request) => serve(request, cutover.enableRaftEnvelope)
    })
  })
)

/** On the wire what is not known is absent. */
function answerOf(status: EncryptionStatus): typeof Answer.Type {
  const { barrierClosedMillis, localEpoch, writerId, ...known } = status
  return {
    ...known,
    ...(barrierClosedMillis === undefined ? {} : { barrierClosedMillis }),
    ...(localEpoch === undefined ? {} : { localEpoch: localEpoch as LocalEpoch }),
    ...(writerId === undefined ? {} : { writerId })
  }
}
