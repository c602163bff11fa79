/**
 * What is done with a connection that somebody opened to this node: the first frame says what for.
 *
 * A member is heard, or sends a snapshot, once it is judged; a node that introduces itself is answered
 * and hung up on; anybody else is hung up on. Proof: `test/layers/TransportSocket.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as CapabilityAnswer from "../domain/capability/CapabilityAnswer.ts"
import * as Challenge from "../domain/capability/Challenge.ts"
import type { MemberId } from "../domain/Ids.ts"
import * as Limits from "../domain/Limits.ts"
import * as AdmissionAnswer from "../domain/peer/AdmissionAnswer.ts"
import { PeerRefused } from "../domain/peer/Errors.ts"
import type { Frame } from "../domain/peer/Frame.ts"
import * as Handshake from "../domain/peer/Handshake.ts"
import * as Introduction from "../domain/peer/Introduction.ts"
import * as PeerMessages from "../domain/peer/PeerMessages.ts"
import { Capability } from "../services/Capability.ts"
import { Introductions } from "../services/Introductions.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import type { PeerIdentity } from "./PeerIdentity.ts"
import type { PeerSocket } from "./PeerSocket.ts"
import type { PeerTable } from "./PeerTable.ts"
import * as PeerTransfer from "./PeerTransfer.ts"

export const make = Effect.fnUntraced(function* (table: PeerTable, identity: PeerIdentity) {
  const { peerConnectTimeoutMillis, peerStallMillis, snapshotTransfersMax } = yield* NodeConfig
  const introductions = yield* Introductions
  const capability = yield* Effect.serviceOption(Capability)
  const slots = new PeerTransfer.TransferSlots(snapshotTransfersMax)

  const heard = Effect.fnUntraced(function* (socket: PeerSocket, node: Handshake.Node) {
    const greeting = yield* identity.greetingTo(node.memberId)
    table.admit(node, socket)
    socket.trust()
    const ends = { from: node.memberId, to: identity.memberId }
    socket.onFrame = (frame) => received(table, socket, ends, frame)
    socket.send("welcome", Handshake.encode(greeting))
    yield* Effect.ensuring(
      socket.closed,
      Effect.sync(() => table.leave(node.memberId, socket))
    )
  })
  const transferred = Effect.fnUntraced(function* (socket: PeerSocket, from: MemberId) {
    const snapshot = table.receiver?.snapshot
    if (snapshot === undefined) return
    yield* slots.take(from)
    const greeting = yield* identity.greetingTo(from)
    socket.trust(Limits.snapshotFrameBytesMax + 1)
    const ends = { from, to: identity.memberId }
    socket.send("welcome", Handshake.encode(greeting))
    yield* PeerTransfer.receive(socket, ends, snapshot, { stallMillis: peerStallMillis })
  }, Effect.scoped)
  const greeted = Effect.fnUntraced(function* (socket: PeerSocket, { body, type }: Frame) {
    const greeting = Handshake.decode(body)
    if (Result.isFailure(greeting)) {
      if (greeting.failure.reason !== "unknownVersion") return
      return yield* new PeerRefused({ reason: "protocolUnknown", peer: "?", memberId: 0 })
    }
    // It dials again; by then this node knows its members.
    if (!table.isReady) return
    yield* identity.judge(greeting.success)
    const { node } = greeting.success
    return type === "hello" ? heard(socket, node) : transferred(socket, node.memberId)
  })
  /** Whoever asks learns no more than whether this node has the keys that the asker has. */
  const challenged = Effect.fnUntraced(function* (socket: PeerSocket, body: Buffer) {
    const challenge = Challenge.decode(body)
    if (Option.isNone(capability) || Result.isFailure(challenge)) return undefined
    const answer = yield* capability.value.answer(challenge.success)
    socket.endWith("capability", CapabilityAnswer.encode(answer))
    return Effect.asVoid(Effect.timeoutOption(socket.closed, peerConnectTimeoutMillis))
  })
  const answered = (socket: PeerSocket, frame: Frame) => {
    switch (frame.type) {
      case "hello":
      case "transfer":
        return greeted(socket, frame)
      case "introduction": {
        const answer = answerTo(frame.body, introductions)
        if (answer !== undefined) socket.endWith("admission", AdmissionAnswer.encode(answer))
        return Effect.succeed(answer === undefined ? undefined : socket.closed)
      }
      case "challenge":
        return challenged(socket, frame.body)
      default:
        return Effect.succeed(undefined)
    }
  }
  return (socket: PeerSocket) =>
    Effect.gen(function* () {
      const frame = yield* socket.first
      return frame === undefined ? undefined : yield* answered(socket, frame)
    }).pipe(
      Effect.timeoutOrElse({
        duration: peerConnectTimeoutMillis,
        orElse: () => Effect.succeed(undefined)
      }),
      Effect.flatMap((served) => served ?? Effect.void),
      Effect.catchTag("PeerRefused", (refusal) => {
        identity.refused(refusal)
        socket.endWith("refusal", Handshake.encodeRefusal(refusal))
        return Effect.timeoutOption(socket.closed, peerConnectTimeoutMillis)
      }),
      // The sender is told, or has gone.
      Effect.catchTag("SnapshotTransferFailure", () => Effect.void)
    )
})

/** `undefined` if it cannot be read: then it is no node that asks. */
export function answerTo(
  body: Buffer,
  { answer }: Pick<Introductions["Service"], "answer">
): AdmissionAnswer.AdmissionAnswer | undefined {
  const introduction = Introduction.decode(body)
  if (Result.isSuccess(introduction)) return answer(introduction.success)
  const isOtherVersion = introduction.failure.reason === "unknownVersion"
  return isOtherVersion ? { _tag: "Refused", reason: "protocolUnknown" } : undefined
}

/** A peer that sends what cannot be read is hung up on; it dials again. */
function received(
  { receiver }: PeerTable,
  socket: PeerSocket,
  ends: PeerMessages.Ends,
  { body, type }: Frame
): void {
  const messages = type === "messages" ? PeerMessages.decode(ends, body) : undefined
  if (messages === undefined || Result.isFailure(messages)) return socket.destroy()
  // A snapshot comes with its bytes, on a connection of its own, or not at all.
  if (messages.success.some(({ _tag }) => _tag === "InstallSnapshot")) return socket.destroy()
  for (const message of messages.success) receiver?.message(message)
}
