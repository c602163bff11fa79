/**
 * A new directory becomes a member of a cluster that exists (SPEC §3, §15): it introduces itself to one
 * member, and to the leader as soon as it is told who that is, until somebody has added it. Meanwhile it
 * answers at its own peer address whether it could use the keys of the cluster.
 *
 * What must never happen: a start that ends because the cluster is not ready yet.
 * Proof: `test/layers/Admission.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Endpoint from "../domain/api/Endpoint.ts"
import type { WriterIdentity } from "../domain/encryption/WriterIdentity.ts"
import type { Introduction } from "../domain/peer/Introduction.ts"
import { version } from "../domain/Version.ts"
import { Admission } from "../services/Admission.ts"
import type { Keystore } from "../services/Keystore.ts"
import type { NodeConfig } from "../services/NodeConfig.ts"
import type { Telemetry } from "../services/Telemetry.ts"
import * as AdmissionChallenge from "./AdmissionChallenge.ts"
import * as AdmissionWait from "./AdmissionWait.ts"
import * as IntroductionDial from "./IntroductionDial.ts"

export interface Options {
  /** The peer address of any member. */
  readonly target: Endpoint.Endpoint
  /** Where the members will reach this node. */
  readonly address: Endpoint.Endpoint
  readonly hasKek: boolean
}

const make = Effect.fnUntraced(function* ({ address, hasKek, target }: Options) {
  const context = yield* Effect.context<Keystore | NodeConfig | Telemetry>()
  const tell = yield* AdmissionWait.makeTell
  const admit = Effect.fnUntraced(function* ({ incarnation, nodeName }: WriterIdentity) {
    yield* AdmissionChallenge.listen(address, { nodeName, incarnation })
    const introduction: Introduction = {
      ...{ nodeName, incarnation, address, hasKek },
      ...{ listDigest: undefined, softwareVersion: version }
    }
    let leader: Endpoint.Endpoint | undefined
    const ask = Effect.fnUntraced(function* (at: Endpoint.Endpoint) {
      const answer = yield* IntroductionDial.introduce(at, introduction)
      if (answer._tag === "Refused") return yield* AdmissionWait.refused(at, answer.reason)
      if (answer._tag === "Admitted") return answer
      leader = answer.leader
      tell(
        `${Endpoint.format(leader ?? at)} knows this node; add it: sealog member add ${nodeName}=${Endpoint.format(address)}`
      )
      return undefined
    })
    const tried = (at: Endpoint.Endpoint) =>
      Effect.catchTag(ask(at), "PeerConnectionFailure", ({ message }) =>
        Effect.sync(() => tell(message))
      )
    return yield* AdmissionWait.until(
      Effect.gen(function* () {
        const answer = yield* tried(target)
        const isElsewhere =
          leader !== undefined && Endpoint.format(leader) !== Endpoint.format(target)
        return answer ?? (isElsewhere ? yield* tried(leader!) : undefined)
      })
    )
  }, Effect.scoped)
  return Admission.of({
    admit: (node) =>
      Effect.provideContext(admit(node), context).pipe(
        Effect.map(({ clusterId, memberId }) => ({ clusterId, memberId, founding: undefined }))
      )
  })
})

export const layer = (
  options: Options
): Layer.Layer<Admission, never, Keystore | NodeConfig | Telemetry> =>
  Layer.effect(Admission, make(options))
