/**
 * The state the modules of the core share. `Raft.ts` owns it; nobody outside of this folder sees it.
 */
import type { LogIndex, MemberId, Term } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import type * as HardState from "./HardState.ts"
import { Log } from "./Log.ts"
import * as Membership from "./Membership.ts"
import { isVouching, type Message } from "./Message.ts"
import * as Options from "./Options.ts"
import type { PlantedBug } from "./PlantedBug.ts"
import * as Position from "./Position.ts"
import type { ReadState, SoftState } from "./Ready.ts"
import type { Leader, Role } from "./Role.ts"

export interface State {
  readonly options: Options.Options
  readonly id: MemberId
  readonly log: Log
  readonly plantedBug: PlantedBug | undefined
  term: Term
  vote: MemberId | undefined
  role: Role
  membership: Membership.Membership
  /** Since the last election time-out or, of a follower, since it last heard its leader. */
  ticksSinceElection: number
  /** Drawn when first needed, and anew after each change of term or role. */
  electionTimeoutTicks: number | undefined
  /** This node does not campaign (SPEC §6). */
  hasRenouncedCandidacy: boolean
  /** To be sent with the next Ready. */
  messages: Array<Message>
  /** To be sent, or delivered to this node itself, once everything decided so far is persisted. */
  messagesAfterPersist: Array<Message>
  readStates: Array<ReadState>
}

/** A follower, as restarted: it knows its term, vote, log and configuration, and nobody's lead. */
export function make(options: Options.Options, plantedBug: PlantedBug | undefined): State {
  Options.check(options)
  const { hardState, membership } = options.log.initialState()
  const log = new Log(options.log)
  // What is compacted was applied, and what is applied was committed, even if a crash has taken the
  // commit index that said so.
  log.commitThrough(Position.larger(hardState.commit, options.applied))
  log.appliedThrough(Position.larger(log.applied, options.applied))
  return {
    options,
    id: options.id,
    log,
    plantedBug,
    term: hardState.term,
    vote: hardState.vote,
    role: { _tag: "Follower", leader: undefined },
    membership,
    ticksSinceElection: 0,
    electionTimeoutTicks: undefined,
    hasRenouncedCandidacy: false,
    messages: [],
    messagesAfterPersist: [],
    readStates: []
  }
}

/**
 * Hands a message out with the next Ready. One that vouches for durable state waits until all of
 * that state is persisted, and may be addressed to this node itself: it is its own acknowledgement.
 */
export function send(state: State, message: Message): void {
  if (isVouching(message)) {
    state.messagesAfterPersist.push(message)
  } else {
    invariant(message.to !== state.id, "a member tells itself only what it vouches for")
    state.messages.push(message)
  }
}

/** The leader this member follows or is. */
export function leaderOf(state: State): MemberId | undefined {
  const { role } = state
  if (role._tag === "Leader") return state.id
  return role._tag === "Follower" ? role.leader : undefined
}

export const hardStateOf = (state: State): HardState.HardState => ({
  term: state.term,
  vote: state.vote,
  commit: state.log.committed
})

export const softStateOf = (state: State): SoftState => ({
  leader: leaderOf(state),
  role: state.role._tag
})

/** The voters whose agreement counts. */
export function votersOf(state: State): Pick<Membership.Membership, "voters" | "votersOutgoing"> {
  const { membership, plantedBug } = state
  if (plantedBug === "ignoresOutgoingVoters") return { ...membership, votersOutgoing: [] }
  if (plantedBug !== "countsLearners") return membership
  return { ...membership, voters: [...membership.voters, ...membership.learners] }
}

/** Has the leader committed an entry of its own term? Until then it does not know what is committed. */
export const hasCommittedInTerm = (state: State): boolean =>
  state.log.term(state.log.committed) === state.term

/** May this member campaign? Not as a learner, nor while a snapshot replaces its log. */
export const isPromotable = (state: State): boolean =>
  !state.hasRenouncedCandidacy &&
  Membership.isVoter(state.membership, state.id) &&
  state.log.toInstall === undefined

/** Is a change of the membership committed that this member has not applied? */
export function hasMembershipToApply(state: State): boolean {
  const { log, options } = state
  const until = Position.after(log.committed)
  let from: LogIndex = Position.after(log.applied)
  while (from < until) {
    const page = log.slice(from, until, options.committedBytesPerReadyMax)
    invariant(page !== undefined, "an entry is compacted only after it was applied")
    if (page.some((entry) => entry.kind === "membership")) return true
    from = Position.plus(from, page.length)
  }
  return false
}

/** Runs `visit` for every other member, in the order of their ids. */
export function forEachPeer(state: State, leader: Leader, visit: (peer: MemberId) => void): void {
  for (const peer of leader.progress.keys()) {
    if (peer !== state.id) visit(peer)
  }
}
