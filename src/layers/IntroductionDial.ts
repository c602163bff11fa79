/**
 * A node introduces itself to another one, once (SPEC §15).
 *
 * What must never happen here: a port that is not a peer's taken for one that will answer later.
 * Proof: `test/layers/Admission.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Endpoint from "../domain/api/Endpoint.ts"
import * as AdmissionAnswer from "../domain/peer/AdmissionAnswer.ts"
import { AdmissionRefused, type PeerConnectionFailure } from "../domain/peer/Errors.ts"
import type { Frame } from "../domain/peer/Frame.ts"
import * as Introduction from "../domain/peer/Introduction.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import * as PeerDial from "./PeerDial.ts"
import * as RpcClientSocket from "./RpcClientSocket.ts"

/** Fails if there is no answer. */
export const introduce = Effect.fnUntraced(function* (
  address: Endpoint.Endpoint,
  introduction: Introduction.Introduction
) {
  const { peerConnectTimeoutMillis } = yield* NodeConfig
  const body = Introduction.encode(introduction)
  return yield* PeerDial.asked(address, { type: "introduction", body }).pipe(
    Effect.scoped,
    Effect.flatMap(({ answer }) => answerOf(address, answer)),
    PeerDial.inTime(address, peerConnectTimeoutMillis),
    Effect.catch((failure) => notAClientPort(address, failure, peerConnectTimeoutMillis))
  )
})

const answerOf = (
  address: Endpoint.Endpoint,
  { body, type }: Frame
): Effect.Effect<AdmissionAnswer.AdmissionAnswer, PeerConnectionFailure> => {
  const answer = type === "admission" ? AdmissionAnswer.decode(body) : undefined
  if (answer !== undefined && Result.isSuccess(answer)) return Effect.succeed(answer.success)
  const isOtherVersion = answer?.failure.reason === "unknownVersion"
  return isOtherVersion
    ? Effect.succeed({ _tag: "Refused", reason: "protocolUnknown" })
    : Effect.fail(PeerDial.failure(address, "greet", "its answer cannot be read"))
}

/** Who is not answered may have dialled the port for clients: there a client is. */
const notAClientPort = Effect.fnUntraced(function* (
  address: Endpoint.Endpoint,
  failure: PeerConnectionFailure,
  millis: number
): Effect.fn.Return<never, AdmissionRefused | PeerConnectionFailure> {
  // Nobody is there at all.
  if (failure.cause instanceof Error) return yield* failure
  const client = Effect.flatMap(RpcClientSocket.connect(address), ({ status }) => status)
  const status = yield* Effect.option(Effect.timeout(Effect.scoped(client), millis))
  if (Option.isNone(status)) return yield* failure
  return yield* new AdmissionRefused({ by: Endpoint.format(address), reason: clientPort })
})

const clientPort =
  'it serves clients there; name its peer address, which it printed as "peer" when it started'
