/** Founding a cluster and joining one, over real sockets (SPEC §3, §15). */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { keptPorts } from "../../scripts/cluster/KeptPort.ts"
import { type ClusterId, type MemberId, NodeName } from "../../src/domain/Ids.ts"
import * as AdmissionAnswer from "../../src/domain/peer/AdmissionAnswer.ts"
import * as BootstrapList from "../../src/domain/peer/BootstrapList.ts"
import type { Introduction } from "../../src/domain/peer/Introduction.ts"
import * as AdmissionBootstrap from "../../src/layers/AdmissionBootstrap.ts"
import * as AdmissionJoin from "../../src/layers/AdmissionJoin.ts"
import * as CsprngNode from "../../src/layers/CsprngNode.ts"
import * as KeystoreLive from "../../src/layers/KeystoreLive.ts"
import * as MemberChallengeSocket from "../../src/layers/MemberChallengeSocket.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import * as PeerAccept from "../../src/layers/PeerAccept.ts"
import * as PeerListener from "../../src/layers/PeerListener.ts"
import * as TelemetryLive from "../../src/layers/TelemetryLive.ts"
import { Admission } from "../../src/services/Admission.ts"
import type { Csprng } from "../../src/services/Csprng.ts"
import { Keystore } from "../../src/services/Keystore.ts"
import { MemberChallenge } from "../../src/services/MemberChallenge.ts"
import type { NodeConfig } from "../../src/services/NodeConfig.ts"
import { Telemetry } from "../../src/services/Telemetry.ts"
import { until } from "../contracts/Transport.ts"
import { kek } from "../support/MemoryNode.ts"
import { incarnationOf } from "../support/PeerIdentities.ts"

const settings = NodeConfigLive.layer({
  peerBackoffMillis: { min: 1, max: 20 },
  peerConnectTimeoutMillis: 300
})

/** A node that wants to become a member; what it tells its operator meanwhile. */
const start = Effect.fnUntraced(function* (
  id: number,
  layer: Layer.Layer<
    Admission,
    Layer.Error<BootstrapLayer>,
    Csprng | Keystore | NodeConfig | Telemetry
  >,
  incarnation = incarnationOf(id)
) {
  const told: Array<string> = []
  const nodeName = NodeName.make(`n${id}`)
  const telemetry = Layer.effect(
    Telemetry,
    Effect.map(Telemetry, (live) => ({
      ...live,
      report: (event) => void ("detail" in event && told.push(`${event._tag}: ${event.detail}`))
    }))
  ).pipe(Layer.provide(TelemetryLive.layer({ nodeName, groupId: 0 as never })))
  const keystore = Layer.provide(KeystoreLive.layer, [CsprngNode.layer, kek()])
  const parts = Layer.mergeAll(CsprngNode.layer, settings, telemetry, keystore)
  const context = yield* Layer.build(Layer.fresh(Layer.provide(layer, parts)))
  const admission = Context.get(context, Admission)
  const admitting = yield* Effect.forkScoped(admission.admit({ nodeName, incarnation }))
  return { admitted: Fiber.join(admitting), stop: Fiber.interrupt(admitting), told }
})

type BootstrapLayer = ReturnType<typeof AdmissionBootstrap.layer>

const listOf = (ports: ReadonlyArray<number>, names = ports.map((_, at) => `n${at + 1}`)) =>
  BootstrapList.parse(names.map((name, at) => `${name}=127.0.0.1:${ports[at]}`).join(","))!

const bootstrapping = (id: number, list: BootstrapList.BootstrapList) =>
  AdmissionBootstrap.layer({ list, own: NodeName.make(`n${id}`), hasKek: false })

const clusterId = "c".repeat(32) as ClusterId

/** A member of a cluster that answers so. */
const listening = (
  port: number,
  answer: (introduction: Introduction) => AdmissionAnswer.AdmissionAnswer
) =>
  PeerListener.listen({ host: "127.0.0.1", port }, (socket) =>
    Effect.gen(function* () {
      const frame = yield* socket.first
      const answered = frame && PeerAccept.answerTo(frame.body, { answer })
      if (answered === undefined) return
      socket.endWith("admission", AdmissionAnswer.encode(answered))
      yield* socket.closed
    })
  ).pipe(Effect.provide(settings))

const admittedAs = (memberId: number): AdmissionAnswer.AdmissionAnswer => ({
  _tag: "Admitted",
  clusterId,
  memberId: memberId as MemberId
})

const live = (name: string, body: () => Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live(name, () => Effect.scoped(body()))

describe("AdmissionBootstrap", () => {
  live("founds with everybody of the list, once all are there, in whatever order they come", () =>
    Effect.gen(function* () {
      const list = listOf(yield* keptPorts(3))
      const three = yield* start(3, bootstrapping(3, list))
      yield* until(() => three.told.length > 0)
      expect(three.told[0]).toMatch(
        /AdmissionWaiting: the founder n1 is not there yet: .*ECONNREFUSED/
      )
      const one = yield* start(1, bootstrapping(1, list))
      yield* until(() => one.told.length > 1)
      expect(one.told.at(-1)).toBe(
        "AdmissionWaiting: the cluster is founded once these are here: n2"
      )
      yield* until(() => three.told.length > 1)
      expect(three.told[1]).toMatch(/the founder n1 \(.*\) waits for other nodes/)
      yield* start(2, bootstrapping(2, list))
      const admitted = yield* one.admitted
      expect(admitted.memberId).toBe(1)
      expect(
        admitted.founding?.map(({ id, incarnation, nodeName }) => [id, nodeName, incarnation])
      ).toEqual([1, 2, 3].map((id) => [id, `n${id}`, incarnationOf(id)]))
      expect(admitted.founding?.map(({ address }) => address)).toEqual(
        list.map(({ address }) => address)
      )
    })
  )

  live("goes on with a founder that was killed before its founding, and with one after it", () =>
    Effect.gen(function* () {
      const list = listOf(yield* keptPorts(2))
      const two = yield* start(2, bootstrapping(2, list))
      // Killed while it waits, and again when it has founded and told nobody.
      for (let life = 0; life < 2; life += 1) {
        const scope = yield* Effect.scoped(
          Effect.flatMap(start(1, bootstrapping(1, list)), ({ admitted, stop }) =>
            life === 0 ? stop : admitted
          )
        )
        expect(life === 0 || scope).toBeTruthy()
      }
      // What it has founded is durable by now, and the members answer.
      yield* listening(list[0]!.address.port, () => admittedAs(2))
      expect(yield* two.admitted).toEqual({ clusterId, memberId: 2, founding: undefined })
    })
  )

  live("tells a wiped node that its old directory is the member", () =>
    Effect.gen(function* () {
      const list = listOf(yield* keptPorts(2))
      yield* listening(list[0]!.address.port, () => ({ _tag: "Refused", reason: "nameTaken" }))
      const two = yield* start(2, bootstrapping(2, list))
      const refusal = yield* Effect.flip(two.admitted)
      expect(refusal.message).toMatch(
        /does not admit this node: .*member remove.*--join.*member add/
      )
    })
  )

  live("does not let a wiped founder found a second time: its cluster tells it", () =>
    Effect.gen(function* () {
      const list = listOf(yield* keptPorts(3))
      yield* listening(list[2]!.address.port, () => ({ _tag: "Refused", reason: "nameTaken" }))
      const one = yield* start(1, bootstrapping(1, list))
      expect((yield* Effect.flip(one.admitted)).message).toMatch(/member remove/)
    })
  )

  live("tells both sides once of another list, and goes on waiting for the right one", () =>
    Effect.gen(function* () {
      const ports = yield* keptPorts(3)
      const list = listOf(ports)
      const one = yield* start(1, bootstrapping(1, list))
      const short = listOf(ports.slice(0, 2))
      for (const id of [2, 2]) {
        const wrong = yield* start(id, bootstrapping(id, short))
        expect((yield* Effect.flip(wrong.admitted)).message).toMatch(/--bootstrap list is another/)
      }
      const refusals = one.told.filter((line) => line.startsWith("IntroductionRefused"))
      expect(refusals).toHaveLength(1)
      yield* start(2, bootstrapping(2, list))
      yield* start(3, bootstrapping(3, list))
      expect((yield* one.admitted).founding).toHaveLength(3)
    })
  )

  live("tells two founders of each other, and neither founds", () =>
    Effect.gen(function* () {
      const ports = yield* keptPorts(2)
      const one = yield* start(1, bootstrapping(1, listOf(ports)))
      const two = yield* start(2, bootstrapping(2, listOf(ports.toReversed(), ["n2", "n1"])))
      const isTold = (told: ReadonlyArray<string>) =>
        told.some((line) => /IntroductionRefused: its --bootstrap list is another/.test(line))
      yield* until(() => isTold(one.told) && isTold(two.told))
      yield* one.stop
      yield* two.stop
    })
  )

  live("refuses a bad list before anything is opened", () =>
    Effect.gen(function* () {
      const list = BootstrapList.parse("n1=127.0.0.1:1,n2=127.0.0.1:1")!
      const refusal = yield* Effect.flip(start(1, bootstrapping(1, list)))
      expect(refusal).toMatchObject({ _tag: "BootstrapListRefused", reason: "addressTwice" })
    })
  )
})

describe("AdmissionJoin", () => {
  const joining = (target: number, own: number) =>
    AdmissionJoin.layer({
      target: { host: "127.0.0.1", port: target },
      address: { host: "127.0.0.1", port: own },
      hasKek: true
    })

  live("asks the member it was given, and the leader, until it is admitted", () =>
    Effect.gen(function* () {
      const [target, leader, own] = (yield* keptPorts(3)) as [number, number, number]
      const four = yield* start(4, joining(target, own))
      yield* until(() => four.told.length > 0)
      expect(four.told[0]).toMatch(/ECONNREFUSED/)
      const waiting = { _tag: "Waiting", leader: { host: "127.0.0.1", port: leader } } as const
      yield* listening(target, () => waiting)
      const asked = yield* Deferred.make<Introduction>()
      let isAdded = false
      yield* listening(leader, (introduction) => {
        Deferred.doneUnsafe(asked, Effect.succeed(introduction))
        return isAdded ? admittedAs(4) : waiting
      })
      expect(yield* Deferred.await(asked)).toMatchObject({
        ...{ nodeName: "n4", incarnation: incarnationOf(4), hasKek: true, listDigest: undefined },
        address: { host: "127.0.0.1", port: own }
      })
      const sentence = `127.0.0.1:${leader} knows this node; add it: sealog member add n4=127.0.0.1:${own}`
      yield* until(() => four.told.includes(`AdmissionWaiting: ${sentence}`))
      isAdded = true
      expect(yield* four.admitted).toEqual({ clusterId, memberId: 4, founding: undefined })
      // Once for each change.
      expect(new Set(four.told).size).toBe(four.told.length)
    })
  )

  live("answers meanwhile whether it could use the keys of the cluster", () =>
    Effect.gen(function* () {
      const [target, own] = (yield* keptPorts(2)) as [number, number]
      const four = yield* start(4, joining(target, own))
      yield* until(() => four.told.length > 0)
      const keystore = yield* Effect.provide(
        Keystore,
        Layer.provide(KeystoreLive.layer, [CsprngNode.layer, kek()])
      )
      const drawn = yield* keystore.draw({ purpose: "raft", clusterId, taken: new Set() })
      const { keyId: id, wrapped } = drawn
      const subject = { nonce: Buffer.alloc(32, 9), clusterId }
      const keys = [{ id, wrapped, clusterId, purpose: "raft" as const }]
      const challenge = { requestId: 3n, ...subject, keys }
      const node = { nodeName: NodeName.make("n4"), incarnation: incarnationOf(4) }
      const ask = Effect.flatMap(MemberChallenge, (challenges) => {
        const address = { host: "127.0.0.1", port: own }
        return challenges.ask({ ...node, address, memberId: undefined }, challenge)
      }).pipe(Effect.provide(MemberChallengeSocket.layer))
      const answer = yield* ask
      expect(answer).toMatchObject({ ...node, member: undefined, encryption: "ready", epoch: 0 })
      const proven = yield* keystore.proven({ ...subject, ...node }, keys, answer.proofs)
      expect([...proven]).toEqual([id])

      yield* listening(target, () => admittedAs(4))
      yield* four.admitted
      const gone = yield* Effect.flip(ask)
      expect(gone, "the transport opens the port next").toBe("noConnection")
    })
  )

  live("waits at a founder that has not founded yet, and is no part of the founding", () =>
    Effect.gen(function* () {
      const ports = yield* keptPorts(3)
      const list = listOf(ports.slice(0, 2))
      const one = yield* start(1, bootstrapping(1, list))
      const four = yield* start(4, joining(ports[0]!, ports[2]!))
      yield* until(() => four.told.some((line) => /knows this node/.test(line)))
      yield* start(2, bootstrapping(2, list))
      expect((yield* one.admitted).founding?.map(({ nodeName }) => nodeName)).toEqual(["n1", "n2"])
      yield* four.stop
    })
  )

  live("gives up when it is refused", () =>
    Effect.gen(function* () {
      const [target, own] = (yield* keptPorts(2)) as [number, number]
      yield* listening(target, () => ({ _tag: "Refused", reason: "nameTaken" }))
      const four = yield* start(4, joining(target, own))
      expect(yield* Effect.flip(four.admitted)).toMatchObject({
        _tag: "AdmissionRefused",
        by: `127.0.0.1:${target}`
      })
    })
  )
})
