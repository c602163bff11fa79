/**
 * Asks another node what it can do, on a connection of its own (SPEC §14).
 *
 * What must never happen here: an answer to another question taken for the one to this. Answers that do
 * not repeat its request id are passed over. Proof: `test/layers/CapabilityDial.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Endpoint from "../domain/api/Endpoint.ts"
import * as CapabilityAnswer from "../domain/capability/CapabilityAnswer.ts"
import * as Challenge from "../domain/capability/Challenge.ts"
import type { UnreachableDetail } from "../domain/capability/Reason.ts"
import * as PeerDial from "./PeerDial.ts"

/** Fails with why there is no answer; the caller sets the time. */
export const ask = (
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
