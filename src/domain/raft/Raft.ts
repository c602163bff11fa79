/**
 * One member of a Raft group as a deterministic machine (Raft thesis; modelled on etcd's raft).
 *
 * Inputs are method calls, the output is a {@link Ready}. There is no clock, no randomness, no I/O
 * in here: equal inputs give equal outputs. The driver's loop is
 * `if (raft.hasReady()) { ready → persist → send → apply → advance }`.
 *
 * What must never happen: a message that vouches for state which is not durable yet. Such messages
 * leave in the Ready that carries this state, to be sent after it was persisted, and the member's
 * own votes and acknowledgements are counted in `advance`.
 * Proof: `paper.test.ts`, `Raft.test.ts`, `Simulation.test.ts`, `interop/`.
 */
import type { LogIndex, MemberId, Term } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import { handleSnapshotReport, handleUnreachable } from "./Acknowledgement.ts"
import { campaign } from "./Election.ts"
import type { Entry } from "./Entry.ts"
import * as HardState from "./HardState.ts"
import * as Membership from "./Membership.ts"
import type { MembershipChange } from "./MembershipChange.ts"
import { type InstallSnapshot, isResponse, type Message } from "./Message.ts"
import type { Options } from "./Options.ts"
import type { PlantedBug } from "./PlantedBug.ts"
import { type Implausible, problemOf } from "./Plausibility.ts"
import { type Draft, type Proposed, propose } from "./Proposing.ts"
import { requestRead } from "./Reading.ts"
import type { Ready, SoftState } from "./Ready.ts"
import { applyMembershipChange, entriesApplied, snapshotInstalled } from "./Reconfiguration.ts"
import * as State from "./State.ts"
import { type Status, statusOf } from "./Status.ts"
import { step } from "./Step.ts"
import { tick } from "./Ticking.ts"
import { requestTransfer } from "./Transfer.ts"
import { becomeFollower } from "./Transitions.ts"

/** A Ready that was handed out and not yet advanced past. */
interface Outstanding {
  readonly ready: Ready
  /** What the member vouches for to itself. */
  readonly toSelf: ReadonlyArray<Message>
}

/** A Raft member. Every method is synchronous; a failure of the log reader passes through. */
export class Raft {
  private readonly state: State.State
  private softStateTold: SoftState
  private hardStateTold: HardState.HardState
  private outstanding: Outstanding | undefined = undefined
  private heldBack: Array<InstallSnapshot> = []

  constructor(state: State.State) {
    this.state = state
    this.softStateTold = State.softStateOf(state)
    this.hardStateTold = State.hardStateOf(state)
  }

  /** One tick of the driver's clock has passed. */
  tick(): void {
    tick(this.state)
  }

  /**
   * A message has arrived. `unknownPeer` if it is an answer of somebody who is no member; nothing
   * happened then. An `InstallSnapshot` is handed over once its content has arrived completely; one
   * that comes between `ready` and `advance` is taken in by `advance`, because it brings a
   * configuration that is later than the entries being applied.
   */
  step(message: Message): "stepped" | "unknownPeer" {
    if (isResponse(message) && !Membership.isMember(this.state.membership, message.from)) {
      return "unknownPeer"
    }
    if (message._tag === "InstallSnapshot" && this.outstanding !== undefined) {
      this.heldBack.push(message)
    } else {
      step(this.state, message)
    }
    return "stepped"
  }

  /**
   * Why no correct member can have sent this message, `undefined` if one can. A driver asks before it
   * steps a message, because `step` takes what it is given for true.
   */
  problemOf(message: Message): Implausible | undefined {
    return problemOf(this.state, message)
  }

  /** Appends a batch of entries if this member leads. A rejection leaves the core as it was. */
  propose(drafts: ReadonlyArray<Draft>): Proposed {
    return propose(this.state, drafts)
  }

  /** Campaigns now, if this member may. */
  campaign(): void {
    campaign(this.state, "timeout")
  }

  /** Stops leading and does not campaign (SPEC §6). The member goes on voting and following. */
  renounceCandidacy(): void {
    const { state } = this
    state.hasRenouncedCandidacy = true
    if (state.role._tag !== "Follower") becomeFollower(state, state.term, undefined)
  }

  /** What it had renounced for is over. */
  resumeCandidacy(): void {
    this.state.hasRenouncedCandidacy = false
  }

  /** Asks to hand the leadership over to a voter. It may come to nothing. */
  transferLeadership(transferee: MemberId): void {
    requestTransfer(this.state, transferee)
  }

  /**
   * Asks from which index on a read is linearizable; answered by a read state of a later Ready, or
   * never, if the leader changes or a message is lost. False if no leader is known: nothing was asked.
   */
  readIndex(requestId: bigint): boolean {
    return requestRead(this.state, { requester: this.state.id, requestId })
  }

  /** The driver could not send to this member: what was sent last is probably lost. */
  reportUnreachable(peer: MemberId): void {
    const { role } = this.state
    if (role._tag === "Leader") handleUnreachable(role, peer)
  }

  /** The transfer of a snapshot to this member has ended. Must be called for each one sent. */
  reportSnapshot(peer: MemberId, outcome: "delivered" | "failed"): void {
    const { role } = this.state
    if (role._tag === "Leader") handleSnapshotReport(role, peer, outcome === "delivered")
  }

  /** The driver applies a `membership` entry, between `ready` and `advance`. */
  applyMembershipChange(change: MembershipChange): Membership.Membership {
    return applyMembershipChange(this.state, change)
  }

  /** Of a leader: is a change of the membership in its log, or maybe, that is not applied here? */
  get isMembershipPending(): boolean {
    const { log, role } = this.state
    return role._tag === "Leader" && log.applied < role.membershipPendingUntil
  }

  /** Is there anything to do? Always false between `ready` and `advance`. */
  hasReady(): boolean {
    const { state } = this
    const { log } = state
    return (
      this.outstanding === undefined &&
      (log.hasToPersist ||
        log.hasToApply ||
        log.toInstall !== undefined ||
        state.messages.length > 0 ||
        state.messagesAfterPersist.length > 0 ||
        state.readStates.length > 0 ||
        this.changedSoftState() !== undefined ||
        this.changedHardState() !== undefined)
    )
  }

  /** Hands out what is to be done. The next call comes after `advance`. */
  ready(): Ready {
    invariant(this.outstanding === undefined, "a Ready is advanced past before the next")
    const { state } = this
    const { id, log, messages, messagesAfterPersist, options, readStates } = state
    const hardState = this.changedHardState()
    const entries = log.toPersist
    const ready: Ready = {
      softState: this.changedSoftState(),
      hardState,
      readStates,
      entries,
      snapshot: log.toInstall,
      committedEntries: log.toApply(options.committedBytesPerReadyMax),
      messages: [...messages, ...messagesAfterPersist.filter((message) => message.to !== id)],
      mustSync: entries.length > 0 || this.isVoteOrTermOf(hardState)
    }
    this.outstanding = {
      ready,
      toSelf: messagesAfterPersist.filter((message) => message.to === id)
    }
    this.softStateTold = ready.softState ?? this.softStateTold
    this.hardStateTold = hardState ?? this.hardStateTold
    state.messages = []
    state.messagesAfterPersist = []
    state.readStates = []
    return ready
  }

  /**
   * The Ready has been persisted, sent and applied. Its own acknowledgements count from here on:
   * this is where a single voter wins its election and commits its entries.
   */
  advance(ready: Ready): void {
    const { outstanding, state } = this
    invariant(outstanding?.ready === ready, "only the Ready handed out last is advanced past")
    this.outstanding = undefined
    for (const message of outstanding.toSelf) step(state, message)
    const lastEntry = ready.entries.at(-1)
    if (lastEntry !== undefined) state.log.persistedThrough(lastEntry)
    if (ready.snapshot !== undefined) snapshotInstalled(state, ready.snapshot.index)
    entriesApplied(state, ready.committedEntries)
    const messages = this.heldBack
    this.heldBack = []
    for (const message of messages) step(state, message)
  }

  /**
   * The log as it counts now, the tail that is not persisted yet included: the entries from `from`
   * on that fit in `bytesMax`, at least one if there is any. `undefined` if `from` is compacted.
   */
  entriesFrom(from: LogIndex, bytesMax: number): ReadonlyArray<Entry> | undefined {
    return this.state.log.entriesFrom(from, bytesMax)
  }

  status(): Status {
    return statusOf(this.state)
  }

  /** The part of the status that a driver asks for after every step. */
  standing(): SoftState & { readonly term: Term } {
    return { ...State.softStateOf(this.state), term: this.state.term }
  }

  private changedSoftState(): SoftState | undefined {
    const now = State.softStateOf(this.state)
    const { leader, role } = this.softStateTold
    return now.leader === leader && now.role === role ? undefined : now
  }

  private changedHardState(): HardState.HardState | undefined {
    const now = State.hardStateOf(this.state)
    return HardState.equals(now, this.hardStateTold) ? undefined : now
  }

  private isVoteOrTermOf(changed: HardState.HardState | undefined): boolean {
    const { term, vote } = this.hardStateTold
    return changed !== undefined && (changed.term !== term || changed.vote !== vote)
  }
}

/** A member as it is after a restart: a follower. `plantedBug` is for tests only. */
export const make = (options: Options, plantedBug?: PlantedBug): Raft =>
  new Raft(State.make(options, plantedBug))
