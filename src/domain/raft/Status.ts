/** A core as seen from outside: for decisions of the driver, for operators, and for tests. */
import type { LogIndex, MemberId, Term } from "../Ids.ts"
import type { Membership } from "./Membership.ts"
import type { Progress } from "./Progress.ts"
import type { Role } from "./Role.ts"
import { leaderOf, type State } from "./State.ts"

/** What the leader knows about one member. */
export interface PeerStatus {
  readonly match: LogIndex
  readonly next: LogIndex
  readonly flow: "Probe" | "Replicate" | "Snapshot"
  readonly isPaused: boolean
  readonly isRecentlyActive: boolean
  /** Of the snapshot that is awaited. */
  readonly pendingSnapshot: LogIndex | undefined
  readonly inflightCount: number
  readonly isInflightFull: boolean
}

/** A copy: it does not change when the core does. */
export interface Status {
  readonly id: MemberId
  readonly term: Term
  readonly vote: MemberId | undefined
  readonly role: Role["_tag"]
  readonly leader: MemberId | undefined
  /** The member this leader hands over to. */
  readonly transferee: MemberId | undefined
  readonly commit: LogIndex
  readonly applied: LogIndex
  readonly firstIndex: LogIndex
  readonly lastIndex: LogIndex
  readonly membership: Membership
  /** By member, in the order of their ids; empty unless this member leads. */
  readonly progress: ReadonlyMap<MemberId, PeerStatus>
}

export function statusOf(state: State): Status {
  const { id, log, membership, role, term, vote } = state
  const leader = role._tag === "Leader" ? role : undefined
  return {
    id,
    term,
    vote,
    role: role._tag,
    leader: leaderOf(state),
    transferee: leader?.transferee,
    commit: log.committed,
    applied: log.applied,
    firstIndex: log.firstIndex,
    lastIndex: log.lastIndex,
    membership,
    progress: new Map(
      [...(leader?.progress ?? [])].map(([peer, progress]) => [peer, peerStatusOf(progress)])
    )
  }
}

export function peerStatusOf(progress: Progress): PeerStatus {
  const { flow, isPaused, isRecentlyActive, match, next } = progress
  return {
    match,
    next,
    flow: flow._tag,
    isPaused,
    isRecentlyActive,
    pendingSnapshot: flow._tag === "Snapshot" ? flow.pendingIndex : undefined,
    inflightCount: flow._tag === "Replicate" ? flow.inflights.count : 0,
    isInflightFull: flow._tag === "Replicate" && flow.inflights.isFull
  }
}
