/**
 * Changes of the cluster on the leader: decided by `domain/members/Administration`, made by the engine
 * (SPEC §15).
 *
 * What must never happen: a change decided by a node that does not lead, or made in another term than
 * it was decided in; a voter added that has yet to receive the log; a member that comes in between the
 * capability gate and what it is asked for. So adding and promoting take their turn; a removal need not,
 * and the engine makes one change after the other. Proof: `test/layers/ClusterAdmin.test.ts`,
 * `ClusterAdminCapable.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Result from "effect/Result"
import * as Endpoint from "../domain/api/Endpoint.ts"
import * as WriterRegistry from "../domain/encryption/WriterRegistry.ts"
import { ProposalTimedOut } from "../domain/engine/Errors.ts"
import type { LogIndex, MemberId, NodeName, Term } from "../domain/Ids.ts"
import * as Administration from "../domain/members/Administration.ts"
import {
  LeadershipTransferFailed,
  LearnerLagging,
  MembershipChangeInProgress,
  PeerNotRegistered
} from "../domain/members/Errors.ts"
import type { Member } from "../domain/members/Member.ts"
import type { MembershipChange } from "../domain/raft/MembershipChange.ts"
import { AdministrationTurn, type Turn } from "../services/AdministrationTurn.ts"
import { Applier } from "../services/Applier.ts"
import { CapabilityGate } from "../services/CapabilityGate.ts"
import {
  type ChangeFailure,
  ClusterAdmin,
  type MemberChanged,
  type MemberStatus
} from "../services/ClusterAdmin.ts"
import { Introductions } from "../services/Introductions.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import { Opening } from "../services/Opening.ts"
import { RaftEngine } from "../services/RaftEngine.ts"
import { Transport } from "../services/Transport.ts"
import * as LatestConfiguration from "./LatestConfiguration.ts"
import * as LeadingTerm from "./LeadingTerm.ts"
import * as MonotonicClock from "./MonotonicClock.ts"

const make = Effect.gen(function* () {
  const introductions = yield* Introductions
  const facts = yield* makeFacts
  const { leading, propose, transfer } = yield* makeEngineCalls
  const caughtUp = yield* makeCaughtUp(facts)

  const turns = yield* AdministrationTurn
  const latestApplied = yield* LatestConfiguration.makeApplied

  const capable = yield* makeCapable(facts)

  /** Whoever comes in, or gets a vote: by the latest configuration, and while nobody asks the members. */
  const admitted = <E>(
    decide: (facts: Administration.Facts) => Result.Result<Administration.Step, E>
  ) => {
    const inTurn = Effect.fnUntraced(function* (turn: Turn) {
      const term = yield* leading
      yield* latestApplied
      const asked = yield* Effect.fromResult(decide(facts()))
      if (asked._tag === "Done") return asked
      yield* capable(asked.member, term)
      // A member may have been removed while this one was asked.
      const step = yield* Effect.fromResult(decide(facts()))
      if (step._tag === "Propose") {
        yield* propose(step.change, { term, keep: turn.keep })
      }
      return step
    })
    return Effect.andThen(
      leading,
      Effect.acquireUseRelease(turns.take("membership"), inTurn, ({ end }) => Effect.sync(end))
    )
  }
  const removed = Effect.fnUntraced(function* (nodeName: NodeName) {
    const term = yield* leading
    const { change, member } = yield* Effect.fromResult(Administration.remove(facts(), nodeName))
    yield* propose(change, { term })
    return { id: member.id }
  })
  const answerOf = (member: Member, wasAlready: boolean): MemberChanged => {
    const role = Administration.isLearner(facts(), member) ? "learner" : "voter"
    return { id: member.id, role, wasAlready }
  }
  return ClusterAdmin.of({
    members: yield* makeMembers(facts),
    add: Effect.fnUntraced(function* ({ address, learner, nodeName }) {
      const introduction = introductions.newest(nodeName)
      const { _tag, member } = yield* admitted((known) =>
        Administration.add(known, { nodeName, address, introduction })
      )
      const wasMember = _tag === "Done"
      const added = answerOf(member, wasMember)
      if (learner || added.role === "voter") return added
      yield* caughtUp(member)
      const promoted = yield* admitted((known) => Administration.promoteAdded(known, member))
      return answerOf(member, wasMember && promoted._tag === "Done")
    }),
    promote: (nodeName) =>
      Effect.map(
        admitted((known) => Administration.promote(known, nodeName)),
        ({ member }) => answerOf(member, false)
      ),
    remove: removed,
    transferLeadership: Effect.fnUntraced(function* (nodeName) {
      yield* leading
      const known = facts()
      const { id } = yield* Effect.fromResult(Administration.transferee(known, nodeName))
      if (id !== known.self) yield* transfer(nodeName, id)
      return { id }
    })
  })
})

/** What this node knows, read afresh each time. */
const makeFacts = Effect.gen(function* () {
  const applier = yield* Applier
  const engine = yield* RaftEngine
  const transport = yield* Transport
  const { learnerLagMax: lagMax } = yield* NodeConfig
  const { memberId: self } = yield* Opening
  return (): Administration.Facts => {
    const { commit, progress } = engine.status()
    const connections = transport.connections()
    return {
      members: applier.members,
      self,
      commit,
      matchOf: (id) => progress.get(id)?.match,
      isReachable: (id) => connections.some(({ isConnected, peer }) => peer === id && isConnected),
      isEncrypted: applier.sidecar.active.raft !== 0,
      lagMax
    }
  }
})

const makeMembers = Effect.fnUntraced(function* (facts: () => Administration.Facts) {
  const engine = yield* RaftEngine
  const transport = yield* Transport
  return (): ReadonlyArray<MemberStatus> => {
    const known = facts()
    const { leader } = engine.status()
    const connections = transport.connections()
    return [...known.members.byId.values()].map((member) => {
      const { address, id, incarnation, nodeName } = member
      const connection = connections.find(({ peer }) => peer === id)
      const match = known.matchOf(id)
      return {
        id,
        nodeName,
        incarnation,
        address: address === undefined ? undefined : Endpoint.format(address),
        endpoint: connection?.endpoint,
        role: Administration.isLearner(known, member) ? "learner" : "voter",
        isLeader: id === leader,
        isConnected: id === known.self || connection?.isConnected === true,
        match,
        lag: match === undefined ? undefined : Administration.lagOf(known, member)
      }
    })
  }
})

/** Once there are DEKs: the node can use them, and has a writer id (SPEC §15). */
const makeCapable = Effect.fnUntraced(function* (facts: () => Administration.Facts) {
  const applier = yield* Applier
  const engine = yield* RaftEngine
  const gate = yield* CapabilityGate
  const { proposalTimeoutMillis: timeoutMillis } = yield* NodeConfig
  const registered = (writer: Member, term: Term) =>
    Effect.timeoutOrElse(engine.registerWriter(writer, term), {
      duration: timeoutMillis,
      orElse: () => Effect.fail(new ProposalTimedOut({ timeoutMillis }))
    })
  return Effect.fnUntraced(function* (member: Member, term: Term) {
    if (applier.sidecar.active.raft === 0) return
    const { id, nodeName } = member
    const isMember = facts().members.byId.has(id)
    yield* gate.checkNode({ ...member, memberId: isMember ? id : undefined })
    if (WriterRegistry.writerIdOf(applier.registry, member) !== undefined) return
    const { _tag: outcome } = yield* registered(member, term)
    if (outcome === "WriterIdsExhausted" || outcome === "KeyUnknown") {
      return yield* new PeerNotRegistered({ nodeName, reason: outcome })
    }
  })
})

/** The engine, in the words of an operator. */
const makeEngineCalls = Effect.gen(function* () {
  const engine = yield* RaftEngine
  const { proposalTimeoutMillis: timeoutMillis } = yield* NodeConfig
  return {
    leading: yield* LeadingTerm.make,
    /** The turn is kept until it is made, or will not be in this term, whoever waits for it. */
    propose: (
      change: MembershipChange,
      { keep, term }: { readonly term: Term; readonly keep?: Turn["keep"] }
    ): Effect.Effect<void, ChangeFailure> =>
      Effect.uninterruptibleMask((restore) =>
        Effect.suspend(() => {
          const settle = keep?.() ?? (() => {})
          const made = Effect.ensuring(engine.changeMembership(change, term), Effect.sync(settle))
          return Effect.flatMap(Effect.forkDetach(made, { startImmediately: true }), (fibre) =>
            restore(Fiber.join(fibre))
          )
        })
      ).pipe(
        Effect.timeoutOrElse({
          duration: timeoutMillis,
          orElse: () => Effect.fail(new ProposalTimedOut({ timeoutMillis }))
        }),
        // It was decided before another change was applied.
        Effect.catchTag("MembershipChangeRefused", () =>
          Effect.fail(new MembershipChangeInProgress({}))
        ),
        Effect.asVoid
      ),
    transfer: (nodeName: NodeName, to: MemberId) =>
      engine.transferLeadership(to).pipe(
        Effect.catchTag("TransferFailed", ({ reason }) =>
          Effect.fail(
            new LeadershipTransferFailed({
              nodeName,
              reason: reason === "notAVoter" ? "anotherLeads" : reason
            })
          )
        )
      )
  }
})

/** Waits until a learner has what was committed when it was asked for; looks once a tick. */
const makeCaughtUp = Effect.fnUntraced(function* (facts: () => Administration.Facts) {
  const { leading } = yield* makeEngineCalls
  const { learnerCatchUpTimeoutMillis, learnerLagMax: lagMax, tickMillis } = yield* NodeConfig
  return (member: Member) =>
    Effect.gen(function* () {
      const until: LogIndex = facts().commit
      const deadline = (yield* MonotonicClock.nowMillis) + learnerCatchUpTimeoutMillis
      for (;;) {
        yield* leading
        const known = facts()
        // It may be removed meanwhile, or be given its vote by somebody else.
        const isLearner =
          known.members.byId.has(member.id) && Administration.isLearner(known, member)
        if (!isLearner || (known.matchOf(member.id) ?? 0) >= until) return
        if ((yield* MonotonicClock.nowMillis) >= deadline) {
          const lag = Administration.lagOf(known, member)
          return yield* new LearnerLagging({ nodeName: member.nodeName, lag, lagMax })
        }
        yield* Effect.sleep(tickMillis)
      }
    })
})

export const layer: Layer.Layer<
  ClusterAdmin,
  never,
  | AdministrationTurn
  | Applier
  | CapabilityGate
  | Introductions
  | NodeConfig
  | Opening
  | RaftEngine
  | Transport
> = Layer.effect(ClusterAdmin, make)
