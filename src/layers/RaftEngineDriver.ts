/**
 * The synchronous half of the engine: what each input does to the core, and who is told what.
 *
 * Everything per entry and per proposal happens here, without Effect; the loop around it is
 * `RaftEngineLive`. What must never happen: an append the guard has not admitted, a nonce used twice,
 * an answer to a proposer whose entry is not applied. Proof: `test/layers/RaftEngine.test.ts`.
 */
import * as Effect from "effect/Effect"
import type { AppliedOutcome, RegistrationOutcome } from "../domain/apply/Outcome.ts"
import { CutoverInFlight } from "../domain/encryption/Errors.ts"
import * as Nonce from "../domain/encryption/Nonce.ts"
import * as RaftEnvelope from "../domain/encryption/RaftEnvelope.ts"
import * as Registration from "../domain/encryption/Registration.ts"
import * as SidecarState from "../domain/encryption/SidecarState.ts"
import * as WriterRegistry from "../domain/encryption/WriterRegistry.ts"
import { AppendGuard } from "../domain/engine/AppendGuard.ts"
import type { RenouncedReason } from "../domain/engine/Candidacy.ts"
import {
  LeaderNotReady,
  NodeStopped,
  NotLeader,
  TooManyProposals
} from "../domain/engine/Errors.ts"
import { Leadership } from "../domain/engine/Leadership.ts"
import { PendingProposals } from "../domain/engine/PendingProposals.ts"
import type { KeyId, LocalEpoch, LogIndex, ProposalId, WriterId } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import * as ProposalEnvelope from "../domain/log/ProposalEnvelope.ts"
import * as Members from "../domain/members/Members.ts"
import type { Entry } from "../domain/raft/Entry.ts"
import * as Membership from "../domain/raft/Membership.ts"
import * as Position from "../domain/raft/Position.ts"
import type { Raft } from "../domain/raft/Raft.ts"
import type { Ready } from "../domain/raft/Ready.ts"
import type { Applier } from "../services/Applier.ts"
import type { Keystore } from "../services/Keystore.ts"
import type { Opening } from "../services/Opening.ts"
import type { QuiescenceBarrier } from "../services/QuiescenceBarrier.ts"
import type { Intake, Proposal, ProposeRejection, ReadRejection } from "../services/RaftEngine.ts"
import type { Telemetry } from "../services/Telemetry.ts"

type Resume<A, E> = (effect: Effect.Effect<A, E>) => void

type SealingRejection = NotLeader | NodeStopped | TooManyProposals

/** What the driver's inbox carries. */
export type Input =
  | { readonly _tag: "Tick" }
  | {
      readonly _tag: "Propose"
      readonly proposal: Proposal
      readonly resume: Resume<Position.Position, ProposeRejection>
    }
  | { readonly _tag: "Read"; readonly resume: Resume<LogIndex, ReadRejection> }
  | { readonly _tag: "AwaitSealing"; readonly resume: Resume<void, SealingRejection> }

export interface Parts {
  readonly raft: Raft
  readonly applier: Applier["Service"]
  readonly opening: Opening["Service"]
  readonly keystore: Keystore["Service"]
  readonly barrier: QuiescenceBarrier["Service"]
  readonly telemetry: Telemetry["Service"]
  /** Random: the ids of another opening are different ones. */
  readonly firstProposalId: ProposalId
}

interface WaitingRead {
  readonly index: LogIndex
  readonly resumes: ReadonlyArray<Resume<LogIndex, ReadRejection>>
}

export class RaftEngineDriver {
  readonly guard: AppendGuard
  readonly leadership = new Leadership()
  private readonly parts: Parts
  private readonly pending = new PendingProposals()
  /** Appended in this round, not durable yet. */
  private appended: Array<{ readonly position: Position.Position; readonly resume: AppendResume }> =
    []
  private askedReads: Array<Resume<LogIndex, ReadRejection>> = []
  private readonly confirmingReads = new Map<bigint, WaitingRead["resumes"]>()
  private waitingReads: Array<WaitingRead> = []
  private awaitingSealing: Array<Resume<void, SealingRejection>> = []
  private nextProposalId: ProposalId
  private nextReadId = 1n
  /** Counts the seals of this opening, over all keys (SPEC §6). */
  private writeCount = 0
  private renounced: RenouncedReason | undefined = undefined
  private phase: 0 | 1 | 2
  private stopReason: string | undefined = undefined

  constructor(parts: Parts) {
    this.parts = parts
    this.nextProposalId = parts.firstProposalId
    this.phase = SidecarState.phase(parts.applier.sidecar)
    this.guard = new AppendGuard({
      isCutOver: parts.applier.sidecar.raftEnvelopeCutoverIndex !== 0
    })
  }

  /** Why this opening will not lead any more; `undefined` while it may. */
  get candidacyRenounced(): RenouncedReason | undefined {
    return this.renounced
  }

  get isStopped(): boolean {
    return this.stopReason !== undefined
  }

  intake(): Intake {
    if (this.stopReason !== undefined) {
      return { _tag: "Shut", reason: new NodeStopped({ reason: this.stopReason }) }
    }
    if (!this.leadership.isLeader) {
      return { _tag: "Shut", reason: new NotLeader({ leader: this.leadership.leader }) }
    }
    if (!this.leadership.isReady) {
      return { _tag: "Shut", reason: new LeaderNotReady({ awaits: "noop" }) }
    }
    return { _tag: "Open", term: this.leadership.term }
  }

  accept(input: Input): void {
    switch (input._tag) {
      case "Tick":
        return this.parts.raft.tick()
      case "Propose":
        return this.propose(input.proposal, input.resume)
      case "Read":
        this.askedReads.push(input.resume)
        return
      case "AwaitSealing":
        this.awaitingSealing.push(input.resume)
        return
    }
  }

  /** All inputs of a round were accepted: reads of one round share one read index. */
  accepted(): void {
    this.observe()
    if (this.askedReads.length > 0) this.askReadIndex()
    if (this.awaitingSealing.length > 0) this.releaseSealing()
  }

  /** The entries of this Ready are durable: their proposers may send the next batch. */
  persisted(ready: Ready): void {
    this.guard.appended(ready.entries)
    const appended = this.appended
    this.appended = []
    for (const { position, resume } of appended) resume(Effect.succeed(position))
    for (const { index, requestId } of ready.readStates) {
      const resumes = this.confirmingReads.get(requestId)
      this.confirmingReads.delete(requestId)
      if (resumes !== undefined) this.waitingReads.push({ index, resumes })
    }
  }

  /** One entry has been applied, durably or not: the log is what makes it durable. */
  answer(entry: Entry, outcome: AppliedOutcome): void {
    const isCutOver = this.parts.applier.sidecar.raftEnvelopeCutoverIndex !== 0
    this.guard.applied(entry.index, { isCutOver })
    if (entry.kind === "noop") this.leadership.noopApplied(entry.term)
    if (outcome._tag === "Registration") this.registrationApplied(entry, outcome.outcome)
    if (outcome._tag === "Membership") {
      const change = Members.effective(entry.data, outcome.outcome)
      if (change !== undefined) this.parts.raft.applyMembershipChange(change)
    }
    const id = entry.kind === "normal" ? ProposalEnvelope.proposalIdOf(entry.data) : undefined
    this.pending.applied(entry, id, outcome)
  }

  /** A round is over: what it has changed is told to those who wait. */
  finished(): void {
    this.campaignIfAlone()
    this.observe()
    this.reportPhase()
    if (this.awaitingSealing.length > 0) this.releaseSealing()
    const applied = this.parts.applier.position.index
    const released = this.waitingReads.filter(({ index }) => index <= applied)
    if (released.length === 0) return
    this.waitingReads = this.waitingReads.filter(({ index }) => index > applied)
    for (const { index, resumes } of released) {
      for (const resume of resumes) resume(Effect.succeed(index))
    }
  }

  /** The active raft DEK, if this leader has yet to register for it and has not begun to. */
  keyToRegister(): KeyId | undefined {
    const keyId = this.parts.applier.sidecar.active.raft
    if (keyId === 0 || this.writer() !== undefined) return undefined
    return this.leadership.startsRegistration(keyId) ? keyId : undefined
  }

  /** Appends the registration of this opening (SPEC §6); plaintext by kind, passes the barrier. */
  register(keyId: KeyId, epoch: LocalEpoch): void {
    const { incarnation, nodeName, openingId } = this.parts.opening
    const data = Registration.encode({ keyId, nodeName, incarnation, epoch, openingId })
    const proposed = this.parts.raft.propose([{ kind: "registration", data }])
    if (proposed._tag !== "Appended") this.leadership.registrationRefused()
  }

  /** This node can never seal in this opening, so it must not lead: it follows (SPEC §6). */
  cannotRegister(reason: RenouncedReason): void {
    this.parts.raft.renounceCandidacy()
    if (this.renounced === undefined) {
      this.parts.telemetry.report({ _tag: "CandidacyRenounced", reason })
    }
    this.renounced ??= reason
  }

  /** Nothing is applied or answered any more; everybody who waits is told. */
  stop(reason: string): void {
    this.stopReason = reason
    const stopped = Effect.fail(new NodeStopped({ reason }))
    const { appended, awaitingSealing } = this
    this.appended = []
    this.awaitingSealing = []
    // Each proposer is told once: by its rejection if it was not durable yet, else by an event.
    for (const { position } of appended) this.pending.forget(position.index)
    this.pending.stopped(reason)
    for (const { resume } of appended) resume(stopped)
    this.failReads(stopped)
    for (const resume of awaitingSealing) resume(stopped)
  }

  /** An input that came after the stop. */
  refuse(input: Input): void {
    const stopped = Effect.fail(new NodeStopped({ reason: this.stopReason ?? "shut down" }))
    if (input._tag !== "Tick") input.resume(stopped)
  }

  /** Nobody else's vote is needed, so nothing is waited for. */
  campaignIfAlone(): void {
    const { id, membership, role } = this.parts.raft.status()
    if (role === "Follower" && Membership.isAlone(membership, id)) this.parts.raft.campaign()
  }

  /** A registration of this term is this leader's own; refused, its disk is an old or cloned one. */
  private registrationApplied({ term }: Entry, outcome: RegistrationOutcome): void {
    const { isLeader, term: ownTerm } = this.leadership
    if (!isLeader || ownTerm !== term) return
    if (outcome._tag === "LocalEpochRollback" || outcome._tag === "WriterIdsExhausted") {
      return this.cannotRegister(outcome._tag)
    }
    const writer = this.writer()
    if (writer === undefined) return
    const keyId = this.parts.applier.sidecar.active.raft
    this.parts.telemetry.report({ _tag: "Registered", keyId, localEpoch: writer.localEpoch })
  }

  private reportPhase(): void {
    const { sidecar } = this.parts.applier
    const phase = SidecarState.phase(sidecar)
    if (phase === this.phase || phase === 0) return
    this.phase = phase
    const index = phase === 1 ? sidecar.storageEnvelopeIndex : sidecar.raftEnvelopeCutoverIndex
    this.parts.telemetry.report({ _tag: "PhaseEntered", phase, index })
  }

  private propose(proposal: Proposal, resume: AppendResume): void {
    const rejection = this.rejectionOf(proposal)
    if (rejection !== undefined) return resume(Effect.fail(rejection))
    const proposalId = this.nextProposalId
    this.nextProposalId = BigInt.asUintN(64, proposalId + 1n)
    const { body } = proposal
    const data = (position: Position.Position) =>
      proposal.toBeSealed
        ? this.sealed({ proposalId, body }, position)
        : ProposalEnvelope.encode({ proposalId, body })
    const proposed = this.parts.raft.propose([{ kind: "normal", data }])
    switch (proposed._tag) {
      case "Appended": {
        const { from: index, term } = proposed
        invariant(term === proposal.term, "a proposal is appended in the term it was admitted in")
        this.parts.telemetry.counters.entriesAppended += 1
        this.pending.appended(index, { term, proposalId, onEvent: proposal.onEvent })
        if (!proposal.toBeSealed) this.guard.proposed(index, proposal.body)
        this.appended.push({ position: { term, index }, resume })
        return
      }
      case "UncommittedTooLarge":
        return resume(
          Effect.fail(
            new TooManyProposals({
              pendingCount: this.pending.count,
              pendingBytes: proposed.uncommittedBytes
            })
          )
        )
      default:
        return resume(Effect.fail(new NotLeader({ leader: this.leadership.leader })))
    }
  }

  /** Why this proposal is not to be appended, in the order of SPEC §9, §10, §13. */
  private rejectionOf({ term, toBeSealed }: Proposal): ProposeRejection | undefined {
    const intake = this.intake()
    if (intake._tag === "Shut") return intake.reason
    if (intake.term !== term) return new NotLeader({ leader: this.leadership.leader })
    if (!this.guard.admits({ toBeSealed })) return new CutoverInFlight({})
    if (toBeSealed && this.writer() === undefined) {
      return new LeaderNotReady({ awaits: "registration" })
    }
    return undefined
  }

  /** The body is sealed into the buffer of its entry. */
  private sealed(
    { body, proposalId }: ProposalEnvelope.ProposalEnvelope,
    { index, term }: Position.Position
  ): Uint8Array {
    const writer = this.writer()
    invariant(writer !== undefined, "nothing is sealed before the registration is applied")
    const key = this.parts.keystore.get(this.parts.applier.sidecar.active.raft)
    invariant(key !== undefined, "a leader that seals holds the active raft DEK")
    this.writeCount += 1
    const nonce = Nonce.raft({ ...writer, writeCount: this.writeCount })
    const { groupId } = this.parts.opening
    const { counters } = this.parts.telemetry
    counters.nonceWriteCount = this.writeCount
    counters.seals.raft += 1
    const data = ProposalEnvelope.allocate(proposalId, body.length + RaftEnvelope.overheadBytes)
    RaftEnvelope.sealInto(
      data,
      ProposalEnvelope.headerBytes,
      { key, nonce, groupId, term, index },
      body
    )
    return data
  }

  /** This opening as a writer of the active raft DEK, once its registration is applied. */
  private writer(): { readonly writerId: WriterId; readonly localEpoch: LocalEpoch } | undefined {
    const { applier, opening } = this.parts
    const keyId = applier.sidecar.active.raft
    const epoch = opening.currentEpoch(keyId)
    if (keyId === 0 || epoch === undefined) return undefined
    const writerId = WriterRegistry.writerIdOf(applier.registry, opening)
    if (writerId === undefined) return undefined
    const row = WriterRegistry.rowOf(applier.registry, { keyId, writerId })
    const isRegistered = row?.lastEpoch === epoch && row.openingId === opening.openingId
    return isRegistered ? { writerId, localEpoch: epoch } : undefined
  }

  private observe(): void {
    const { leader, role, term } = this.parts.raft.status()
    const wasLeader = this.leadership.isLeader
    const left = this.leadership.observe({ term, isLeader: role === "Leader", leader })
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
    const notLeader = Effect.fail(new NotLeader({ leader }))
    this.failReads(notLeader)
    for (const resume of this.awaitingSealing) resume(notLeader)
    this.awaitingSealing = []
  }

  /** Before the noop is applied even a lone voter's commit index may be an old one. */
  private askReadIndex(): void {
    const resumes = this.askedReads
    this.askedReads = []
    const intake = this.intake()
    const requestId = this.nextReadId++
    if (intake._tag === "Open" && this.parts.raft.readIndex(requestId)) {
      this.confirmingReads.set(requestId, resumes)
      return
    }
    const reason = intake._tag === "Shut" ? intake.reason : new NotLeader({ leader: undefined })
    for (const resume of resumes) resume(Effect.fail(reason))
  }

  private failReads(failed: Effect.Effect<never, NotLeader | NodeStopped>): void {
    const waiting = [...this.confirmingReads.values(), ...this.waitingReads.map((r) => r.resumes)]
    this.confirmingReads.clear()
    this.waitingReads = []
    for (const resume of [...waiting.flat(), ...this.askedReads]) resume(failed)
    this.askedReads = []
  }

  private releaseSealing(): void {
    const intake = this.intake()
    const isShut = intake._tag === "Shut" && intake.reason._tag !== "LeaderNotReady"
    if (!isShut && this.writer() === undefined) return
    const answer = isShut ? Effect.fail(intake.reason as NotLeader | NodeStopped) : Effect.void
    for (const resume of this.awaitingSealing) resume(answer)
    this.awaitingSealing = []
  }
}

type AppendResume = Resume<Position.Position, ProposeRejection>
