/**
 * Asks another node what it can do at its peer address, on a connection of its own (SPEC §14).
 *
 * What must never happen here: an answer to another question taken for the one to this. Answers that do
 * not repeat its request id are passed over. Proof: `test/contracts/MemberChallenge.ts`, and for peers
 * that misbehave `test/layers/MemberChallengeSocket.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Endpoint from "../domain/api/Endpoint.ts"
import * as CapabilityAnswer from "../domain/capability/CapabilityAnswer.ts"
import * as Challenge from "../domain/capability/Challenge.ts"
import type { UnreachableDetail } from "../domain/capability/Reason.ts"
import { MemberChallenge } from "../services/MemberChallenge.ts"
import * as PeerDial from "./PeerDial.ts"

const asked = (
  address: Endpoint.Endpoint,
  challenge: Challenge.Challenge
): Effect.Effect<CapabilityAnswer.CapabilityAnswer, UnreachableDetail> =>
  Effect.gen(function* () {
    const socket = yield* Effect.mapError(PeerDial.dialled(address), () => "noConnection" as const)
    socket.trust(CapabilityAnswer.bytesMax + 1)
    const answered = Effect.callback<CapabilityAnswer.CapabilityAnswer, UnreachableDetail>(
      (resume) => {
        socket.onFrame = ({ body, type }) => {
          const answer = type === "capability" ? CapabilityAnswer.decode(body) : undefined
          if (answer === undefined || Result.isFailure(answer)) {
            resume(Effect.fail("unreadable"))
          } else if (answer.success.requestId === challenge.requestId) {
            resume(Effect.succeed(answer.success))
          }
        }
        socket.send("challenge", Challenge.encode(challenge))
      }
    )
    const hungUp = Effect.andThen(socket.closed, Effect.fail("silent" as const))
    return yield* Effect.raceFirst(answered, hungUp)
  }).pipe(Effect.scoped)

export const layer: Layer.Layer<MemberChallenge> = Layer.succeed(MemberChallenge, {
  ask: ({ address }, challenge) =>
    address === undefined ? Effect.fail("noAddress") : asked(address, challenge)
})
