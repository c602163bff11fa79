/**
 * What a node that waits to be let in answers at its peer address: whether it could use the keys of the
 * cluster, which come wrapped with the challenge (SPEC §14, §15).
 *
 * Only of a fresh directory, which has nothing to guard; the port closes before the transport opens it.
 * What must never happen: a key kept that somebody has only asked about. Proof:
 * `test/layers/Admission.test.ts`, `test/e2e/JoinEncrypted.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Endpoint } from "../domain/api/Endpoint.ts"
import * as CapabilityAnswer from "../domain/capability/CapabilityAnswer.ts"
import * as Challenge from "../domain/capability/Challenge.ts"
import type { WriterIdentity } from "../domain/encryption/WriterIdentity.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import * as CapabilityLive from "./CapabilityLive.ts"
import * as PeerListener from "./PeerListener.ts"
import type { PeerSocket } from "./PeerSocket.ts"

/** Listens until the scope closes. */
export const listen = Effect.fnUntraced(function* (address: Endpoint, node: WriterIdentity) {
  const capability = (yield* CapabilityLive.ofNewcomer)(node)
  const { peerConnectTimeoutMillis } = yield* NodeConfig
  const accept = (socket: PeerSocket) =>
    Effect.gen(function* () {
      const frame = yield* socket.first
      if (frame?.type !== "challenge") return
      const challenge = Challenge.decode(frame.body)
      if (Result.isFailure(challenge)) return
      const answer = yield* capability.answer(challenge.success)
      socket.endWith("capability", CapabilityAnswer.encode(answer))
      yield* socket.closed
    }).pipe(Effect.timeoutOption(peerConnectTimeoutMillis))
  yield* PeerListener.listen(address, accept)
})
