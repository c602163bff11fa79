/**
 * What a leader sends, and when it commits (Raft thesis §3.5, §3.6.2, §10.2.1).
 *
 * What must never happen: an entry of an earlier term committed by counting its replicas.
 * Proof: `paper.test.ts`, `Simulation.test.ts`.
 */
import type { LogIndex, MemberId } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import * as Entry from "./Entry.ts"
import * as Position from "./Position.ts"
import type { Progress } from "./Progress.ts"
import * as Quorum from "./Quorum.ts"
import type { Leader } from "./Role.ts"
import { forEachPeer, type State, send, votersOf } from "./State.ts"

/** Sends a peer what it lacks, or an empty append: it carries the commit index, and probes. */
export function sendAppend(state: State, leader: Leader, to: MemberId): void {
  trySendAppend(state, leader, to, { evenIfEmpty: true })
}

/** Sends a peer as many appends with entries as it may be sent now. */
export function sendAllAppends(state: State, leader: Leader, to: MemberId): void {
  let isSent = true
  while (isSent) isSent = trySendAppend(state, leader, to, { evenIfEmpty: false })
}

/** Sends a peer one append if there are entries for it, or if it may be empty. True if it was sent. */
export function trySendAppend(
  state: State,
  leader: Leader,
  to: MemberId,
  { evenIfEmpty }: { readonly evenIfEmpty: boolean }
): boolean {
  const { log, term } = state
  const progress = leader.progress.get(to)
  invariant(progress !== undefined, "a leader sends to members only")
  if (progress.isPaused) return false
  const previous = Position.before(progress.next)
  const previousTerm = log.term(previous)
  if (previousTerm === undefined) return trySendSnapshot(state, progress, to)
  // Behind a full window only empty appends go out: if everything in it was lost, they still draw
  // the answer that frees it.
  const entries =
    progress.flow._tag === "Replicate" && progress.flow.inflights.isFull
      ? []
      : log.entriesFrom(progress.next, state.options.messageBytesMax)
  invariant(entries !== undefined, "an entry is there if the one before it has a term")
  if (entries.length === 0 && !evenIfEmpty) return false
  send(state, {
    _tag: "Append",
    from: state.id,
    to,
    term,
    previous: { term: previousTerm, index: previous },
    entries,
    commit: log.committed
  })
  progress.appendSent({ count: entries.length, bytes: Entry.dataBytesOf(entries) })
  progress.commitIndexSent(log.committed)
  return true
}

/** A silent peer gets none, and there may be none to send just now; the next sign of life retries. */
function trySendSnapshot(state: State, progress: Progress, to: MemberId): boolean {
  if (!progress.isRecentlyActive) return false
  const snapshot = state.options.log.snapshot()
  if (snapshot === undefined) return false
  invariant(snapshot.index > 0, "a snapshot stands for at least one entry")
  progress.becomeSnapshot(snapshot.index)
  send(state, { _tag: "InstallSnapshot", from: state.id, to, term: state.term, snapshot })
  return true
}

export function broadcastAppend(state: State, leader: Leader): void {
  forEachPeer(state, leader, (peer) => sendAppend(state, leader, peer))
}

/**
 * Tells every peer that this member still leads. A heartbeat may reach a peer whose log is not
 * known to agree, so it names no commit index above what the peer has vouched for.
 */
export function broadcastHeartbeat(state: State, leader: Leader): void {
  const readPosition = leader.reads.position
  for (const [to, progress] of leader.progress) {
    if (to === state.id) continue
    const commit = Position.smaller(progress.match, state.log.committed)
    send(state, { _tag: "Heartbeat", from: state.id, to, term: state.term, commit, readPosition })
    progress.commitIndexSent(commit)
  }
}

/**
 * Appends to the leader's own log. Its own acknowledgement follows once the entries are persisted;
 * sending them to the others is the caller's, and may come first (thesis §10.2.1).
 */
export function appendOwn(state: State, leader: Leader, entries: ReadonlyArray<Entry.Entry>): void {
  state.log.append(entries)
  leader.uncommittedBytes += Entry.dataBytesOf(entries)
  send(state, {
    _tag: "AppendResponse",
    from: state.id,
    to: state.id,
    term: state.term,
    index: state.log.lastIndex,
    rejectionHint: undefined
  })
  if (state.plantedBug === "countsItselfUnpersisted") {
    leader.progress.get(state.id)?.matched(state.log.lastIndex)
    tryCommit(state, leader)
  }
}

/**
 * Commits what a quorum holds. Counting proves nothing about an entry of an earlier term, because a
 * later leader could still replace it; committing one of this term commits all before it.
 */
export function tryCommit(state: State, leader: Leader): boolean {
  const { log, term } = state
  const index = Quorum.committedIndex(
    votersOf(state),
    (id): LogIndex | undefined => leader.progress.get(id)?.match
  )
  if (index <= log.committed) return false
  if (!log.matches({ term, index }) && state.plantedBug !== "commitsEarlierTerms") return false
  log.commitThrough(index)
  return true
}
