/**
 * The synchronous half of the engine: what each input does to the core, and who is told what.
 *
 * Everything per entry, per message and per proposal happens here, without Effect; the loop around it
 * is `RaftEngineRound`. What must never happen: an append the guard has not admitted; an answer to a
 * proposer whose entry is not applied; a step that a message of another member makes fail.
 * Proof: `test/layers/RaftEngine.test.ts`, `test/simulation/Simulation.test.ts`.
 */
import * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import type { AppliedOutcome } from "../domain/apply/Outcome.ts"
import { CutoverInFlight } from "../domain/encryption/Errors.ts"
import { AppendGuard } from "../domain/engine/AppendGuard.ts"
import {
  LeaderNotReady,
  MembershipChangeRefused,
  NodeStopped,
  NotLeader,
  TooManyProposals,
  TransferFailed
} from "../domain/engine/Errors.ts"
import { Leadership } from "../domain/engine/Leadership.ts"
import { PendingProposals, type ProposalEvent } from "../domain/engine/PendingProposals.ts"
import { PendingReads } from "../domain/engine/PendingReads.ts"
import { PendingTransfer } from "../domain/engine/PendingTransfer.ts"
import type { KeyId, LogIndex, MemberId, ProposalId } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import * as ProposalEnvelope from "../domain/log/ProposalEnvelope.ts"
import type { Entry } from "../domain/raft/Entry.ts"
import * as Membership from "../domain/raft/Membership.ts"
import * as MembershipChange from "../domain/raft/MembershipChange.ts"
import * as Position from "../domain/raft/Position.ts"
import type { Rejected } from "../domain/raft/Proposing.ts"
import type { Ready } from "../domain/raft/Ready.ts"
import type { NodeSettings } from "../services/NodeConfig.ts"
import type { QuiescenceBarrier } from "../services/QuiescenceBarrier.ts"
import type { Intake, Proposal, ProposeRejection } from "../services/RaftEngine.ts"
import { EncryptionReport } from "./EncryptionReport.ts"
import type { AppendResume, Input, SealingResume, TransferResume } from "./RaftEngineInput.ts"
import { changeAnswer, type Parts as MembersParts, RaftEngineMembers } from "./RaftEngineMembers.ts"
import { RaftEngineReceived } from "./RaftEngineReceived.ts"
import {
  RaftEngineWriter,
  registrationAnswer,
  type Parts as WriterParts
} from "./RaftEngineWriter.ts"
import type { Received } from "./SnapshotInstall.ts"

export interface Parts extends Omit<WriterParts, "leadership">, MembersParts {
  readonly barrier: QuiescenceBarrier["Service"]
  readonly settings: Pick<
    NodeSettings,
    "electionTicks" | "inboxCountMax" | "readTimeoutMillis" | "receivedBytesMax" | "tickMillis"
  >
  /** Random: the ids of another opening are different ones. */
  readonly firstProposalId: ProposalId
  readonly firstReadId: bigint
}

export class RaftEngineDriver {
  readonly guard: AppendGuard
  readonly leadership = new Leadership()
  readonly writer: RaftEngineWriter
  readonly members: RaftEngineMembers
  readonly received: RaftEngineReceived
  private readonly parts: Parts
  private readonly pending = new PendingProposals()
  private readonly reads: PendingReads
  private readonly transfer = new PendingTransfer()
  /** Appended in this round, not durable yet. */
  private appended: Array<{ readonly position: Position.Position; readonly resume: AppendResume }> =
    []
  private awaitingSealing: Array<SealingResume> = []
  /** Snapshots of this round. */
  private arrived: Array<SnapshotArrived> = []
  private nextProposalId: ProposalId
  private readonly encryption: EncryptionReport
  private stopReason: string | undefined = undefined

  constructor(parts: Parts) {
    const { applier, settings } = parts
    this.parts = parts
    this.writer = new RaftEngineWriter({ ...parts, leadership: this.leadership })
    this.members = new RaftEngineMembers(parts)
    this.nextProposalId = parts.firstProposalId
    this.encryption = new EncryptionReport(parts.telemetry, applier.sidecar)
    this.guard = new AppendGuard({ isCutOver: applier.sidecar.raftEnvelopeCutoverIndex !== 0 })
    this.received = new RaftEngineReceived(parts)
    this.reads = new PendingReads({
      firstRequestId: parts.firstReadId,
      countMax: settings.inboxCountMax,
      confirmTicksMax: settings.electionTicks,
      applyTicksMax: 1 + Math.ceil(settings.readTimeoutMillis / settings.tickMillis)
    })
  }

  get isStopped(): boolean {
    return this.stopReason !== undefined
  }

  intake(): Intake {
    if (this.stopReason !== undefined) {
      return { _tag: "Shut", reason: new NodeStopped({ reason: this.stopReason }) }
    }
    if (!this.leadership.isLeader) return { _tag: "Shut", reason: this.notLeader() }
    if (!this.leadership.isReady) {
      return { _tag: "Shut", reason: new LeaderNotReady({ awaits: "noop" }) }
    }
    return { _tag: "Open", term: this.leadership.term }
  }

  /** Who is to be told later is noted last: if a step throws, nobody here knows of the input. */
  accept(input: Input): void {
    switch (input._tag) {
      case "Tick":
        return this.tick()
      case "Receive":
        return this.received.step(input.message)
      case "Unreachable":
        return this.parts.raft.reportUnreachable(input.peer)
      case "SnapshotEnded":
        return this.parts.raft.reportSnapshot(input.peer, input.outcome)
      case "SnapshotArrived":
        return this.snapshotArrived(input)
      case "Propose":
        return this.propose(input.proposal, input.resume)
      case "ChangeMembership":
        return this.changeMembership(input)
      case "RegisterWriter":
        return this.registerWriter(input)
      case "Transfer":
        return this.transferLeadership(input.to, input.resume)
      case "Read":
        return this.reads.ask((answer) => input.resume(Effect.fromResult(answer)))
      case "AwaitSealing":
        this.awaitingSealing.push(input.resume)
        return
    }
  }

  /** All inputs of a round were accepted: reads of one round share one read index. */
  accepted(): void {
    this.observe()
    if (this.reads.isAsked) this.askReadIndex()
    if (this.awaitingSealing.length > 0) this.releaseSealing()
  }

  /** The entries of this Ready are durable: their proposers may send the next batch. */
  persisted(ready: Ready): void {
    this.guard.appended(ready.entries)
    const appended = this.appended
    this.appended = []
    for (const { position, resume } of appended) resume(Effect.succeed(position))
    for (const { index, requestId } of ready.readStates) this.reads.confirmed(requestId, index)
  }

  /** One entry has been applied, durably or not: the log is what makes it durable. */
  answer(entry: Entry, outcome: AppliedOutcome): void {
    this.guard.applied(entry.index, { isCutOver: this.isCutOver() })
    if (entry.kind === "noop") this.leadership.noopApplied(entry.term)
    if (outcome._tag === "Registration") this.writer.registrationApplied(entry, outcome.outcome)
    if (outcome._tag === "Membership") this.members.applied(entry, outcome.outcome)
    const id = entry.kind === "normal" ? ProposalEnvelope.proposalIdOf(entry.data) : undefined
    this.pending.applied(entry, id, outcome)
  }

  /** Has this node everything up to this index? Then it needs no snapshot of it. */
  holds(index: LogIndex): boolean {
    return index <= this.parts.raft.status().commit
  }

  /** The content of a snapshot that the core has taken over in this round. */
  arrivedAt(index: LogIndex): Received | undefined {
    return this.arrived.find(({ received }) => received.of.ceiling === index)?.received
  }

  /** The snapshot is in place of log and state: every entry that was in the log is void. */
  installed(index: LogIndex): void {
    this.guard.applied(index, { isCutOver: this.isCutOver() })
    this.guard.truncated(Position.after(index))
    this.pending.covered(index)
    this.members.restored()
    this.parts.telemetry.report({ _tag: "SnapshotInstalled", index })
  }

  /** A round is over: what it has changed is told to those who wait. */
  finished(): void {
    this.members.settle()
    this.observe()
    this.encryption.applied(this.parts.applier.sidecar)
    if (this.awaitingSealing.length > 0) this.releaseSealing()
    this.reads.applied(this.parts.applier.position.index)
    const arrived = this.arrived
    this.arrived = []
    for (const { resume } of arrived) resume(Effect.void)
  }

  /** The raft DEK that this leader should replace by itself, and has not begun to; disturbs no cutover. */
  keyToRotate(): KeyId | undefined {
    const { applier, barrier } = this.parts
    if (!this.writer.isKeyWorn() || !this.writer.isRegistered) return undefined
    const isInCutover = barrier.state().isClosed || this.guard.markerCounts !== this.isCutOver()
    if (isInCutover) return undefined
    const keyId = applier.sidecar.active.raft
    return this.leadership.startsRotation(keyId) ? keyId : undefined
  }

  /** Proposes the command that replaces the raft DEK. Nobody waits for it: it shows when it is applied. */
  rotate(body: Uint8Array): void {
    const { term } = this.leadership
    let isAnswered = false
    const resume = () => {
      isAnswered = true
    }
    this.propose({ body, term, toBeSealed: this.isCutOver(), onEvent: () => {} }, resume)
    // What is appended is answered in a later turn, when it is durable.
    if (isAnswered) this.leadership.rotationRefused()
  }

  /** Nothing is applied or answered any more; everybody who waits is told. */
  stop(reason: string): void {
    this.stopReason = reason
    const stopped = Effect.fail(new NodeStopped({ reason }))
    const { appended, awaitingSealing } = this
    this.appended = []
    this.awaitingSealing = []
    // Each proposer is told once: by its rejection if it was not durable yet, else by an event.
    for (const { position } of appended) this.pending.forget(position)
    this.pending.stopped(reason)
    for (const { resume } of appended) resume(stopped)
    this.reads.stopped(reason)
    this.transfer.stopped(reason)
    for (const resume of awaitingSealing) resume(stopped)
    for (const { resume } of this.arrived) resume(stopped)
    this.arrived = []
  }

  /** An input that came after the stop, or was not accepted before it. */
  refuse(input: Input): void {
    const stopped = Effect.fail(new NodeStopped({ reason: this.stopReason ?? "shut down" }))
    if ("resume" in input) input.resume(stopped)
  }

  private tick(): void {
    this.parts.raft.tick()
    this.reads.tick()
    this.transfer.tick()
  }

  /** The core takes it over, or has no use for it; either way the round answers. */
  private snapshotArrived(arrived: SnapshotArrived): void {
    if (this.parts.raft.problemOf(arrived.message) === undefined) {
      this.parts.raft.step(arrived.message)
    }
    this.arrived.push(arrived)
  }

  private isCutOver(): boolean {
    return this.parts.applier.sidecar.raftEnvelopeCutoverIndex !== 0
  }

  private propose(proposal: Proposal, resume: AppendResume): void {
    const rejection = this.rejectionOf(proposal)
    if (rejection !== undefined) return resume(Effect.fail(rejection))
    const proposalId = this.nextProposalId
    this.nextProposalId = BigInt.asUintN(64, proposalId + 1n)
    const { body } = proposal
    const data = (position: Position.Position) =>
      proposal.toBeSealed
        ? this.writer.sealed({ proposalId, body }, position)
        : ProposalEnvelope.encode({ proposalId, body })
    const proposed = this.parts.raft.propose([{ kind: "normal", data }])
    if (proposed._tag !== "Appended") return resume(Effect.fail(this.refusalOf(proposed)))
    const { from: index, term } = proposed
    invariant(term === proposal.term, "a proposal is appended in the term it was admitted in")
    this.parts.telemetry.counters.entriesAppended += 1
    if (!proposal.toBeSealed) this.guard.proposed(index, proposal.body)
    this.pending.appended(index, { term, proposalId, onEvent: proposal.onEvent })
    this.appended.push({ position: { term, index }, resume })
  }

  /** Why this proposal is not to be appended, in the order of SPEC §9, §10, §13. */
  private rejectionOf({ term, toBeSealed }: Proposal): ProposeRejection | undefined {
    const intake = this.intake()
    if (intake._tag === "Shut") return intake.reason
    if (intake.term !== term) return this.notLeader()
    if (!this.guard.admits({ toBeSealed })) return new CutoverInFlight({})
    if (toBeSealed && !this.writer.isRegistered) {
      return new LeaderNotReady({ awaits: "registration" })
    }
    return undefined
  }

  /** A leader that hands over, or was removed, takes nothing in: soon there is another to be asked. */
  private refusalOf(rejected: Rejected): NotLeader | TooManyProposals {
    if (rejected._tag !== "UncommittedTooLarge") return this.notLeader()
    const { uncommittedBytes: pendingBytes } = rejected
    return new TooManyProposals({ pendingCount: this.pending.count, pendingBytes })
  }

  /** Names the leader if it is another member: nobody is sent back to where it comes from. */
  private notLeader(): NotLeader {
    const { isLeader, leader } = this.leadership
    return new NotLeader({ leader: isLeader ? undefined : leader })
  }

  /** Appends the change; its asker is answered when it is applied, or when this term is left. */
  private changeMembership({ change, resume, term: decidedIn }: ChangeMembership): void {
    const intake = this.intake()
    if (intake._tag === "Shut") return resume(Effect.fail(intake.reason))
    if (decidedIn !== undefined && decidedIn !== intake.term) {
      return resume(Effect.fail(this.notLeader()))
    }
    const data = MembershipChange.encode(change)
    const proposed = this.parts.raft.propose([{ kind: "membership", data }])
    if (proposed._tag === "MembershipChangeRefused") {
      return resume(Effect.fail(new MembershipChangeRefused({ reason: proposed.reason })))
    }
    if (proposed._tag !== "Appended") return resume(Effect.fail(this.refusalOf(proposed)))
    const { from: index, term } = proposed
    const onEvent = (event: ProposalEvent) => resume(changeAnswer(index, event))
    this.pending.appended(index, { term, proposalId: undefined, onEvent })
  }

  /** On behalf of another node; its asker is answered when it is applied, or when this term is left. */
  private registerWriter({ resume, term: decidedIn, writer }: RegisterWriter): void {
    const intake = this.intake()
    if (intake._tag === "Shut") return resume(Effect.fail(intake.reason))
    if (decidedIn !== intake.term) return resume(Effect.fail(this.notLeader()))
    const data = this.writer.registrationOf(writer)
    const proposed = this.parts.raft.propose([{ kind: "registration", data }])
    if (proposed._tag !== "Appended") return resume(Effect.fail(this.refusalOf(proposed)))
    const { from: index, term } = proposed
    const onEvent = (event: ProposalEvent) => resume(registrationAnswer(event))
    this.pending.appended(index, { term, proposalId: undefined, onEvent })
  }

  private transferLeadership(to: MemberId, resume: TransferResume): void {
    const { raft, settings } = this.parts
    const failed = (reason: TransferFailed["reason"]) =>
      resume(Effect.fail(new TransferFailed({ to, reason })))
    const { id, membership, role } = raft.status()
    if (role !== "Leader") return resume(Effect.fail(this.notLeader()))
    if (to === id) return resume(Effect.void)
    if (!Membership.isVoter(membership, to)) return failed("notAVoter")
    if (this.transfer.isPending) return failed("inProgress")
    const answer = (result: Result.Result<void, TransferFailed | NodeStopped>) =>
      resume(Effect.fromResult(result))
    raft.transferLeadership(to)
    this.transfer.begin(to, { ticksMax: settings.electionTicks, answer })
  }

  private observe(): void {
    const { leader, role, term } = this.parts.raft.standing()
    const before = { leader: this.leadership.leader, term: this.leadership.term }
    const wasLeader = this.leadership.isLeader
    const left = this.leadership.observe({ term, isLeader: role === "Leader", leader })
    if (leader !== before.leader || term !== before.term) this.reads.leaderChanged()
    if (role !== "Leader") this.transfer.leaderIs(leader)
    if (left !== undefined) {
      this.parts.telemetry.report({ _tag: "LeadershipLost", term: left, leader })
    }
    if (this.leadership.isLeader && (!wasLeader || left !== undefined)) {
      this.parts.telemetry.counters.leadershipsGained += 1
      this.parts.telemetry.report({ _tag: "LeadershipGained", term })
    }
    this.parts.barrier.enterTerm(term)
    if (left === undefined) return
    // Also if it steps down within the term: it never leads that one again.
    this.parts.barrier.enterTerm(Position.nextTerm(left))
    this.pending.termLeft(left)
    const notLeader = Effect.fail(this.notLeader())
    for (const resume of this.awaitingSealing) resume(notLeader)
    this.awaitingSealing = []
  }

  /**
   * A leader's own reads wait for its noop: before it, even a lone voter's commit index may be an old
   * one. Anybody else asks the leader, which sees to the same.
   */
  private askReadIndex(): void {
    const intake = this.intake()
    const isRefused = intake._tag === "Shut" && intake.reason._tag !== "NotLeader"
    if (isRefused) this.reads.refuse(intake.reason)
    else this.reads.request((requestId) => this.parts.raft.readIndex(requestId))
  }

  private releaseSealing(): void {
    const intake = this.intake()
    const isShut = intake._tag === "Shut" && intake.reason._tag !== "LeaderNotReady"
    if (!isShut && !this.writer.isRegistered) return
    const answer = isShut ? Effect.fail(intake.reason as NotLeader | NodeStopped) : Effect.void
    for (const resume of this.awaitingSealing) resume(answer)
    this.awaitingSealing = []
  }
}

type ChangeMembership = Extract<Input, { readonly _tag: "ChangeMembership" }>
type RegisterWriter = Extract<Input, { readonly _tag: "RegisterWriter" }>
type SnapshotArrived = Extract<Input, { readonly _tag: "SnapshotArrived" }>
