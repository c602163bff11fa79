/**
 * New directories found a cluster together (SPEC §3, §15). The first of the list is the founder: it
 * waits until each of the others has introduced itself, and then draws the cluster. The others
 * introduce themselves to it until they are admitted.
 *
 * What must never happen: two clusters out of one list. The founder founds once in the life of its
 * directory, durably (the opening sees to that), and needs every other node for it; whoever is admitted
 * introduces itself no more. So a founder that was wiped is told by the cluster it has founded, or waits.
 * Proof: `test/layers/Admission.test.ts`, `test/domain/peer/Founding.test.ts`.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Endpoint from "../domain/api/Endpoint.ts"
import type { WriterIdentity } from "../domain/encryption/WriterIdentity.ts"
import type { ClusterId, NodeName } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import type { Member } from "../domain/members/Member.ts"
import * as AdmissionAnswer from "../domain/peer/AdmissionAnswer.ts"
import * as BootstrapList from "../domain/peer/BootstrapList.ts"
import * as Founding from "../domain/peer/Founding.ts"
import type { Introduction } from "../domain/peer/Introduction.ts"
import { version } from "../domain/Version.ts"
import { Admission, type AdmissionFailure, type Admitted } from "../services/Admission.ts"
import { Csprng } from "../services/Csprng.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import { Telemetry } from "../services/Telemetry.ts"
import * as AdmissionWait from "./AdmissionWait.ts"
import * as IntroductionDial from "./IntroductionDial.ts"
import * as PeerAccept from "./PeerAccept.ts"
import * as PeerListener from "./PeerListener.ts"
import type { PeerSocket } from "./PeerSocket.ts"

export interface Options {
  readonly list: BootstrapList.BootstrapList
  /** This node; it is in the list. */
  readonly own: NodeName
  readonly hasKek: boolean
}

const make = Effect.fnUntraced(function* (options: Options) {
  const context = yield* Effect.context<Csprng | NodeConfig | Telemetry>()
  const { list, own } = options
  const refusal = BootstrapList.refusalOf(list, own)
  if (refusal !== undefined) return yield* refusal
  const [founder] = list
  return Admission.of({
    admit: (node) =>
      Effect.provideContext(
        Effect.suspend(
          (): Effect.Effect<Admitted, AdmissionFailure, Csprng | NodeConfig | Telemetry> =>
            founder?.nodeName === own ? found(options, node) : follow(options, node)
        ),
        context
      )
  })
})

const introductionOf = ({ hasKek, list, own }: Options, node: WriterIdentity): Introduction => {
  const listed = list.find(({ nodeName }) => nodeName === own)
  invariant(listed !== undefined, "a node that bootstraps is in its list")
  const { incarnation, nodeName } = node
  const { address } = listed
  const listDigest = BootstrapList.digestOf(list)
  return { nodeName, incarnation, address, listDigest, hasKek, softwareVersion: version }
}

/** Introduces itself to the founder until there is a cluster. */
const follow = Effect.fnUntraced(function* (options: Options, node: WriterIdentity) {
  const tell = yield* AdmissionWait.makeTell
  const { address: founder, nodeName } = options.list[0]!
  const introduction = introductionOf(options, node)
  const asked = Effect.gen(function* () {
    const answer = yield* IntroductionDial.introduce(founder, introduction)
    if (answer._tag === "Refused") return yield* AdmissionWait.refused(founder, answer.reason)
    if (answer._tag === "Waiting") {
      tell(`the founder ${nodeName} (${Endpoint.format(founder)}) waits for other nodes`)
    }
    return answer._tag === "Admitted" ? answer : undefined
  })
  const { clusterId, memberId } = yield* AdmissionWait.until(
    Effect.catchTag(asked, "PeerConnectionFailure", ({ message }) =>
      Effect.sync(() => tell(`the founder ${nodeName} is not there yet: ${message}`))
    )
  )
  return { clusterId, memberId, founding: undefined }
})

/** Waits for everybody, and asks meanwhile whether they have a cluster already. */
const found = (options: Options, node: WriterIdentity) =>
  Effect.raceFirst(collect(options, node), lookAround(options, node))

const collect = Effect.fnUntraced(function* (options: Options, node: WriterIdentity) {
  const csprng = yield* Csprng
  const tell = yield* AdmissionWait.makeTell
  const complete = yield* Deferred.make<ReadonlyArray<Member>>()
  const refused = yield* makeTellRefused
  let founding = Founding.begin(options.list, node)
  const look = () => {
    const voters = Founding.voters(founding)
    const missing = Founding.missing(founding)
    if (voters !== undefined) Deferred.doneUnsafe(complete, Effect.succeed(voters))
    else tell(`the cluster is founded once these are here: ${missing.join(", ")}`)
  }
  const answer = (introduction: Introduction): AdmissionAnswer.AdmissionAnswer => {
    const { answer, founding: next } = Founding.introduce(founding, introduction)
    founding = next
    if (answer._tag === "Refused") refused(introduction.nodeName, answer.reason)
    look()
    return answer
  }
  const { address } = introductionOf(options, node)
  yield* PeerListener.listen(address, yield* makeAccept(answer))
  look()
  const voters = yield* Deferred.await(complete)
  const clusterId = csprng.bytes(16).toString("hex") as ClusterId
  const admitted: Admitted = { clusterId, memberId: voters[0]!.id, founding: voters }
  return admitted
}, Effect.scoped)

/** Who is refused is told about once for each reason. */
const makeTellRefused = Effect.gen(function* () {
  const { report } = yield* Telemetry
  const told = new Set<string>()
  return (name: string, reason: AdmissionAnswer.AdmissionRefusedReason) => {
    // Strangers choose their names; what is told of them is bounded by the reasons and the list.
    if (told.has(reason)) return
    told.add(reason)
    report({ _tag: "IntroductionRefused", name, reason, detail: AdmissionAnswer.refusals[reason] })
  }
})

/** Before there is a cluster only introductions are heard. */
const makeAccept = Effect.fnUntraced(function* (
  answer: (introduction: Introduction) => AdmissionAnswer.AdmissionAnswer
) {
  const { peerConnectTimeoutMillis } = yield* NodeConfig
  return (socket: PeerSocket) =>
    Effect.gen(function* () {
      const frame = yield* socket.first
      if (frame?.type !== "introduction") return
      const answered = PeerAccept.answerTo(frame.body, { answer })
      if (answered === undefined) return
      socket.endWith("admission", AdmissionAnswer.encode(answered))
      yield* socket.closed
    }).pipe(Effect.timeoutOption(peerConnectTimeoutMillis))
})

/**
 * A founder introduces itself to the others too. Those that wait for it do not listen; whoever answers is
 * another founder, whose list is another one, or a member of a cluster that this node may have founded
 * in an earlier life.
 */
const lookAround = Effect.fnUntraced(function* (options: Options, node: WriterIdentity) {
  const refused = yield* makeTellRefused
  const introduction = introductionOf(options, node)
  const others = options.list.filter(({ nodeName }) => nodeName !== options.own)
  const ask = Effect.fnUntraced(function* ({ address, nodeName }: BootstrapList.Listed) {
    const answer = yield* IntroductionDial.introduce(address, introduction)
    if (answer._tag === "Waiting") return undefined
    if (answer._tag === "Admitted") {
      const { clusterId, memberId } = answer
      return { clusterId, memberId, founding: undefined }
    }
    // The other one mends its list, or this one does; the one with the right list can wait for it.
    if (answer.reason !== "otherBootstrapList") {
      return yield* AdmissionWait.refused(address, answer.reason)
    }
    refused(nodeName, answer.reason)
    return undefined
  })
  return yield* AdmissionWait.until(
    Effect.gen(function* () {
      for (const other of others) {
        const answer = yield* Effect.catchTag(ask(other), "PeerConnectionFailure", () =>
          Effect.succeed(undefined)
        )
        if (answer !== undefined) return answer
      }
      return undefined
    })
  )
})

/** Fails with `BootstrapListRefused` before anything is opened. */
export const layer = (options: Options) => Layer.effect(Admission, make(options))
