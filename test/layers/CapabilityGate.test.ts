/** SPEC §14: whom the leader asks, and that it compares what they prove and say with what it knows. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { CapabilityAnswer } from "../../src/domain/capability/CapabilityAnswer.ts"
import * as Formats from "../../src/domain/capability/Formats.ts"
import type { CapabilityReason } from "../../src/domain/capability/Reason.ts"
import * as SidecarState from "../../src/domain/encryption/SidecarState.ts"
import * as WriterRegistry from "../../src/domain/encryption/WriterRegistry.ts"
import type { ClusterId, Incarnation, MemberId, NodeName, OpeningId } from "../../src/domain/Ids.ts"
import type { Member } from "../../src/domain/members/Member.ts"
import * as Members from "../../src/domain/members/Members.ts"
import * as CapabilityGateLive from "../../src/layers/CapabilityGateLive.ts"
import * as KeystoreLive from "../../src/layers/KeystoreLive.ts"
import * as MemberChallengeSocket from "../../src/layers/MemberChallengeSocket.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import { Applier } from "../../src/services/Applier.ts"
import { Capability } from "../../src/services/Capability.ts"
import { CapabilityGate } from "../../src/services/CapabilityGate.ts"
import { Keystore } from "../../src/services/Keystore.ts"
import { Opening } from "../../src/services/Opening.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { elected, inTime, until } from "../support/FrontedCluster.ts"
import { csprng, kek } from "../support/MemoryNode.ts"
import { cutOver, enableStorage, status } from "../support/NodeCalls.ts"
import { swap } from "../support/SwappedLayers.ts"

const clusterId = "c".repeat(32) as ClusterId
const member = (id: number, address: Member["address"]): Member => ({
  id: id as MemberId,
  nodeName: `n${id}` as NodeName,
  incarnation: String(id).repeat(32) as Incarnation,
  address
})
const self = member(1, undefined)
/** Nobody listens there, and nobody may without being root. */
const learner = member(2, { host: "127.0.0.1", port: 1 })

const joined = (action: "addVoter" | "addLearner", described: Member) =>
  Members.changeOf({ transition: "auto", steps: [{ action, member: described.id }] }, [described])

/** This node as it answers itself; its proofs are what `forged` makes of them. */
const capability = (forged: (proof: Buffer) => Buffer) =>
  Layer.effect(
    Capability,
    Effect.map(Keystore, (keystore) => ({
      answer: ({ keys, nonce, requestId }) =>
        Effect.map(keystore.prove({ ...self, nonce, clusterId }, keys), (proofs) => ({
          requestId,
          member: { clusterId, id: self.id },
          nodeName: self.nodeName,
          incarnation: self.incarnation,
          encryption: "ready" as const,
          epoch: 0,
          epochTakenBy: undefined,
          softwareVersion: "0.1.0",
          formats: Formats.own,
          proofs: proofs.map(({ keyId, proof }) => ({ keyId, proof: forged(Buffer.from(proof)) }))
        }))
    }))
  )

/** What the gate of a leader with these members says. */
const checked = (
  changes: ReadonlyArray<ReturnType<typeof joined>>,
  forged: (proof: Buffer) => Buffer = (proof) => proof
) => {
  const members = changes.reduce(
    (before, change) => Members.apply(before, change).members,
    Members.empty
  )
  const services = Layer.mergeAll(
    Layer.succeed(Applier, {
      members,
      sidecar: SidecarState.initial(clusterId),
      registry: WriterRegistry.empty
    } as Applier["Service"]),
    Layer.succeed(Opening, { clusterId, memberId: self.id } as Opening["Service"]),
    Layer.succeed(RaftEngine, { isMembershipPending: () => false } as RaftEngine["Service"]),
    NodeConfigLive.layer({}),
    MemberChallengeSocket.layer,
    csprng(1),
    Layer.provideMerge(capability(forged), Layer.provide(KeystoreLive.layer, [csprng(2), kek()]))
  )
  return Effect.flatMap(CapabilityGate, (gate) => gate.check).pipe(
    Effect.provide(Layer.provide(CapabilityGateLive.layer, services)),
    Effect.exit
  )
}

describe("the capability gate of a leader (SPEC §14)", () => {
  it.live("passes if every member proves its keys", () =>
    Effect.map(checked([joined("addVoter", self)]), (exit) => expect(exit._tag).toBe("Success"))
  )

  it.live("asks learners too", () =>
    Effect.gen(function* () {
      const exit = yield* checked([joined("addVoter", self), joined("addLearner", learner)])
      const refusal = yield* Effect.flip(exit)
      expect(refusal).toMatchObject({
        _tag: "CapabilityCheckFailed",
        nodes: [{ nodeName: "n2", reason: { _tag: "Unreachable" } }]
      })
    })
  )

  it.live("refuses a proof of which one bit is wrong", () =>
    Effect.gen(function* () {
      const forge = (proof: Buffer) =>
        Buffer.from(proof.map((byte, at) => byte ^ (at === 31 ? 1 : 0)))
      const refusal = yield* Effect.flip(yield* checked([joined("addVoter", self)], forge))
      expect(refusal).toMatchObject({
        _tag: "CapabilityCheckFailed",
        nodes: [{ nodeName: "n1", reason: { _tag: "ProofWrong" } }]
      })
    })
  )
})

/**
 * Three nodes in phase 1. `liar` has led, so that its epoch 1 is registered; `lie` says what it answers
 * from then on, and `leader` is who asks.
 */
const withLiar = Effect.gen(function* () {
  const lies = new Map<string, Partial<CapabilityAnswer>>()
  const lying = (name: string) =>
    swap(Capability, (honest) => ({
      answer: (challenge) =>
        Effect.map(honest.answer(challenge), (answer) => ({ ...answer, ...lies.get(name) }))
    }))
  const {
    at,
    cluster,
    followers,
    leader: liar
  } = yield* elected({ swaps: (name) => [lying(name)] })
  yield* inTime(at(liar, enableStorage))
  const [leader] = followers
  yield* inTime(cluster.engine(liar).transferLeadership(cluster.memberId(leader)))
  yield* until(() => cluster.readyLeader() === leader)
  yield* inTime(cluster.engine(leader).sealingReady)
  const lie = (told: Partial<CapabilityAnswer>) => lies.set(liar, told)
  return {
    cluster,
    leader,
    liar,
    lie,
    ask: inTime(at(leader, cutOver)),
    statusOf: at(leader, status)
  }
})

const another = "f".repeat(32) as OpeningId
const older = new Map([...Formats.own, [6, 1]])

describe("what a member says of itself, in a cluster", () => {
  it.effect.each<readonly [string, Partial<CapabilityAnswer>, CapabilityReason]>([
    [
      "an epoch below the registered one",
      { epoch: 0, epochTakenBy: undefined },
      { _tag: "EpochBelowRegistry", epoch: 0, registered: 1 }
    ],
    [
      "the registered epoch in another opening",
      { epochTakenBy: another },
      { _tag: "EpochBelowRegistry", epoch: 1, registered: 1 }
    ],
    ["an epoch that is none", { epoch: 0x1_0000 }, { _tag: "LocalEpochOutOfRange", epoch: 65_536 }],
    [
      "no epoch left",
      { epoch: 0xffff, epochTakenBy: undefined },
      { _tag: "EpochExhausted", epoch: 65_535 }
    ],
    [
      "an older format",
      { formats: older },
      { _tag: "FormatTooOld", format: "snapshot header", needed: 2, understood: 1 }
    ]
  ])("keeps the cutover back, named, and nothing is proposed: %s", ([, told, reason]) =>
    Effect.gen(function* () {
      const { ask, cluster, leader, liar, lie, statusOf } = yield* withLiar
      const { lastIndex } = cluster.engine(leader).status()
      lie(told)
      expect(yield* Effect.flip(ask)).toMatchObject({
        _tag: "CapabilityCheckFailed",
        nodes: [{ nodeName: liar, reason }]
      })
      expect(cluster.engine(leader).status().lastIndex).toBe(lastIndex)
      expect(yield* statusOf).toMatchObject({ phase: 1, isBarrierClosed: false })
      // It was that, and nothing else.
      lie({})
      yield* ask
      expect(yield* statusOf).toMatchObject({ phase: 2, isBarrierClosed: false })
    })
  )
})
