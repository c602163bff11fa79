/**
 * What both ways into a cluster do while they wait: ask again after a pause, and say what they wait for
 * whenever that has changed (SPEC §15).
 *
 * Proof: `test/layers/Admission.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Endpoint from "../domain/api/Endpoint.ts"
import * as AdmissionAnswer from "../domain/peer/AdmissionAnswer.ts"
import { AdmissionRefused } from "../domain/peer/Errors.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import { Telemetry } from "../services/Telemetry.ts"

/** The pause is a part of the longest one between two dials of a peer: somebody waits for this node. */
const pausePart = 0.5

/** Says what is waited for, once for each change. */
export const makeTell = Effect.gen(function* () {
  const { report } = yield* Telemetry
  let told = ""
  return (detail: string): undefined => {
    if (detail !== told) report({ _tag: "AdmissionWaiting", detail })
    told = detail
  }
})

/** Asks until there is an answer other than "not yet": from the shortest pause to half the longest. */
export const until = Effect.fnUntraced(function* <A, E, R>(
  asked: Effect.Effect<A | undefined, E, R>
) {
  const { max, min } = (yield* NodeConfig).peerBackoffMillis
  let pauseMillis = min
  for (;;) {
    const answer = yield* asked
    if (answer !== undefined) return answer
    yield* Effect.sleep(pauseMillis * (0.5 + (yield* Random.next) / 2))
    pauseMillis = Math.min(max * pausePart, 2 * pauseMillis)
  }
})

export const refused = (
  by: Endpoint.Endpoint,
  reason: AdmissionAnswer.AdmissionRefusedReason
): AdmissionRefused =>
  new AdmissionRefused({ by: Endpoint.format(by), reason: AdmissionAnswer.refusals[reason] })
