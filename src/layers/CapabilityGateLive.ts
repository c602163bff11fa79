/**
 * The capability gate: every voter and learner is asked, at once, and this node in the same way
 * (SPEC §14).
 *
 * What must never happen: a member left out, an answer of old taken for a new one, a wait without a
 * bound. Proof: `test/layers/CapabilityGate.test.ts`, the simulator (`invariants/GateKeepsOut.ts`), and
 * with real nodes `test/e2e/CapabilityGate.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { CapabilityAnswer } from "../domain/capability/CapabilityAnswer.ts"
import type { Challenge } from "../domain/capability/Challenge.ts"
import * as Challenges from "../domain/capability/Challenge.ts"
import type { UnreachableDetail } from "../domain/capability/Reason.ts"
import * as Verdict from "../domain/capability/Verdict.ts"
import * as WriterRegistry from "../domain/encryption/WriterRegistry.ts"
import { PeerNotEncryptionCapable } from "../domain/members/Errors.ts"
import { Applier } from "../services/Applier.ts"
import { Capability } from "../services/Capability.ts"
import { type Candidate, CapabilityGate, type Surveyed } from "../services/CapabilityGate.ts"
import { Csprng } from "../services/Csprng.ts"
import { Keystore } from "../services/Keystore.ts"
import { MemberChallenge } from "../services/MemberChallenge.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import { Opening } from "../services/Opening.ts"
import type { RaftEngine } from "../services/RaftEngine.ts"
import * as CapabilityRefusal from "./CapabilityRefusal.ts"
import * as LatestConfiguration from "./LatestConfiguration.ts"

/** Members asked at a time. */
const askedMax = 64

const make = Effect.gen(function* () {
  const applier = yield* Applier
  const csprng = yield* Csprng
  const { clusterId } = yield* Opening
  const ask = yield* makeAsk
  const judge = yield* makeJudge
  const keystore = yield* Keystore
  const latestApplied = yield* LatestConfiguration.makeApplied
  /** Before there is a DEK: one that is used for nothing else shows whether all have one KEK. */
  const drawn = Effect.suspend(() =>
    Effect.map(
      keystore.draw({ purpose: "storage", clusterId, taken: new Set() }),
      ({ keyId, wrapped }): Challenge["keys"] => [
        { id: keyId, purpose: "storage", clusterId, wrapped }
      ]
    )
  ).pipe(
    // A node without a KEK answers so itself.
    Effect.catch(() => Effect.succeed<Challenge["keys"]>([]))
  )
  const asked = Effect.gen(function* () {
    const { active, keys } = applier.sidecar
    const isActive = (id: number) => id === active.storage || id === active.raft
    return keys.length === 0 ? yield* drawn : keys.filter(({ id }) => isActive(id))
  })
  const challenge = Effect.map(
    asked,
    (keys): Challenge => ({
      requestId: csprng.bytes(8).readBigUInt64BE(),
      nonce: csprng.bytes(Challenges.nonceBytes),
      ...{ clusterId, keys }
    })
  )
  const report = (node: Candidate, question: Challenge) =>
    Effect.matchEffect(ask(node, question), {
      onFailure: (detail) => Effect.succeed(Verdict.unreachable(node, detail)),
      onSuccess: (answer) => judge(node, question, answer)
    })
  const checkNode = Effect.fnUntraced(function* (node: Candidate) {
    const { reason } = yield* report(node, yield* challenge)
    const { nodeName } = node
    if (reason !== undefined) return yield* new PeerNotEncryptionCapable({ nodeName, reason })
  })
  const survey = Effect.gen(function* () {
    const question = yield* challenge
    yield* latestApplied
    const members = applier.members.byId.values()
    const asking = [...members].map((member) => ({ ...member, memberId: member.id }))
    const reports = yield* Effect.forEach(asking, (member) => report(member, question), {
      concurrency: askedMax
    })
    return reports.map(surveyed)
  })
  return CapabilityGate.of({
    checkNode,
    survey,
    check: Effect.flatMap(survey, CapabilityRefusal.unlessAble)
  })
})

const surveyed = ({ answer, nodeName, reason }: Verdict.Report): Surveyed => ({
  nodeName,
  softwareVersion: answer?.softwareVersion,
  reason
})

/** This node answers for itself; any other one in time. */
const makeAsk = Effect.gen(function* () {
  const capability = yield* Capability
  const challenges = yield* MemberChallenge
  const { capabilityTimeoutMillis } = yield* NodeConfig
  const { memberId: self } = yield* Opening
  return (
    node: Candidate,
    challenge: Challenge
  ): Effect.Effect<CapabilityAnswer, UnreachableDetail> => {
    if (node.memberId === self) return capability.answer(challenge)
    return Effect.timeoutOrElse(challenges.ask(node, challenge), {
      duration: capabilityTimeoutMillis,
      orElse: () => Effect.fail("silent" as const)
    })
  }
})

const makeJudge = Effect.gen(function* () {
  const applier = yield* Applier
  const keystore = yield* Keystore
  const { clusterId } = yield* Opening
  return Effect.fnUntraced(function* (
    node: Candidate,
    challenge: Challenge,
    answer: CapabilityAnswer
  ) {
    const { incarnation, memberId, nodeName } = node
    const { keys, nonce } = challenge
    const subject = { nonce, clusterId, nodeName, incarnation }
    const proven = yield* keystore.proven(subject, keys, answer.proofs)
    const raft = keys.find(({ purpose }) => purpose === "raft")
    const { registry } = applier
    const writerId = WriterRegistry.writerIdOf(registry, node)
    const row = raft && writerId && WriterRegistry.rowOf(registry, { keyId: raft.id, writerId })
    const member = memberId === undefined ? undefined : { clusterId, id: memberId }
    const asked = { nodeName, incarnation, member }
    return Verdict.judge(asked, answer, { keyIds: keys.map((key) => key.id), proven, row })
  })
})

export const layer: Layer.Layer<
  CapabilityGate,
  never,
  Applier | Capability | Csprng | Keystore | MemberChallenge | NodeConfig | Opening | RaftEngine
> = Layer.effect(CapabilityGate, make)
