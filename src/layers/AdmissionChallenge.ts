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
import * as Formats from "../domain/capability/Formats.ts"
import type { WriterIdentity } from "../domain/encryption/WriterIdentity.ts"
import { version } from "../domain/Version.ts"
import { Keystore } from "../services/Keystore.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import * as PeerListener from "./PeerListener.ts"
import type { PeerSocket } from "./PeerSocket.ts"

/** Listens until the scope closes. */
export const listen = Effect.fnUntraced(function* (address: Endpoint, node: WriterIdentity) {
  const keystore = yield* Keystore
  const { peerConnectTimeoutMillis } = yield* NodeConfig
  const { incarnation, nodeName } = node
  const answerTo = ({ keys, requestId, ...question }: Challenge.Challenge) =>
    Effect.map(keystore.prove({ ...question, nodeName, incarnation }, keys), (proofs) =>
      CapabilityAnswer.encode({
        ...{ requestId, nodeName, incarnation, proofs },
        ...{ member: undefined, epoch: 0, epochTakenBy: undefined },
        encryption: keystore.encryption,
        softwareVersion: version,
        formats: Formats.own
      })
    )
  const accept = (socket: PeerSocket) =>
    Effect.gen(function* () {
      const frame = yield* socket.first
      if (frame?.type !== "challenge") return
      const challenge = Challenge.decode(frame.body)
      if (Result.isFailure(challenge)) return
      socket.endWith("capability", yield* answerTo(challenge.success))
      yield* socket.closed
    }).pipe(Effect.timeoutOption(peerConnectTimeoutMillis))
  yield* PeerListener.listen(address, accept)
})
