/**
 * What must hold in every cluster at every moment (SPEC §19, I1–I6), checked from outside: from what
 * members persist, send, commit and apply. Each check names the invariant it found broken.
 */
import type { LogIndex, MemberId, Term } from "../../../../src/domain/Ids.ts"
import type { Entry } from "../../../../src/domain/raft/Entry.ts"
import type { Membership } from "../../../../src/domain/raft/Membership.ts"
import type { Message } from "../../../../src/domain/raft/Message.ts"
import type { Raft } from "../../../../src/domain/raft/Raft.ts"
import type { Status } from "../../../../src/domain/raft/Status.ts"
import type { MemoryLog } from "./MemoryLog.ts"

/** Some invariant does not hold. */
export class SafetyViolated extends Error {
  override readonly name = "SafetyViolated"
}

/** What a check needs to see of a member. */
export interface Observed {
  readonly id: MemberId
  readonly raft: Raft
  readonly disk: MemoryLog
}

export class SafetyChecks {
  private readonly leaders = new Map<Term, MemberId>()
  private readonly votes = new Map<string, MemberId>()
  /** By position: what the entry holds, and the term of the entry before it. */
  private readonly entries = new Map<string, string>()
  private readonly committed = new Map<LogIndex, string>()
  private readonly checkedCommit = new Map<Raft, LogIndex>()
  private readonly terms = new Map<MemberId, Term>()
  private readonly states = new Map<LogIndex, string>()
  /** The highest index any member has known to be committed. */
  committedMax = 0 as LogIndex

  /** Run after every step, on every member that took part in it. */
  member(member: Observed, disks: ReadonlyMap<MemberId, MemoryLog>): void {
    const status = member.raft.status()
    const { term } = member.disk.hardState
    demand(term >= (this.terms.get(member.id) ?? 0), `the term of ${member.id} went back`)
    demand(status.term >= term, `${member.id} is behind its own disk`)
    this.terms.set(member.id, term)
    if (status.role === "Leader") this.leader(member, status)
    this.commit(member, status, disks)
  }

  /** I1, and that a leader has every committed entry (thesis §3.6.4). */
  private leader(member: Observed, { firstIndex, term }: Status): void {
    const known = this.leaders.get(term)
    if (known === member.id) return
    demand(known === undefined, `${known} and ${member.id} lead in term ${term}`)
    this.leaders.set(term, member.id)
    for (let index = firstIndex; index <= this.committedMax; index++) {
      const committed = this.committed.get(index)
      const own = entryAt(member, index)
      demand(
        committed === undefined || (own !== undefined && contentOf(own) === committed),
        `leader ${member.id} of term ${term} lacks the committed entry ${index}`
      )
    }
  }

  /** I3 and I4: what is committed stays, and was durable on a quorum before. */
  private commit(
    member: Observed,
    { commit, firstIndex, membership }: Status,
    disks: ReadonlyMap<MemberId, MemoryLog>
  ): void {
    const checked = this.checkedCommit.get(member.raft) ?? 0
    if (commit <= checked) return
    for (let index = Math.max(checked + 1, firstIndex); index <= commit; index++) {
      const entry = entryAt(member, index as LogIndex)
      demand(entry !== undefined, `${member.id} committed ${index}, which it does not hold`)
      const known = this.committed.get(entry.index)
      demand(
        known === undefined || known === contentOf(entry),
        `${member.id} committed another entry at ${index}`
      )
      if (known !== undefined) continue
      this.durable(entry, membership, disks)
      this.committed.set(entry.index, contentOf(entry))
    }
    this.checkedCommit.set(member.raft, commit)
    if (commit > this.committedMax) this.committedMax = commit
  }

  private durable(
    { index, term }: Entry,
    { voters, votersOutgoing }: Membership,
    disks: ReadonlyMap<MemberId, MemoryLog>
  ): void {
    for (const half of [voters, votersOutgoing]) {
      const holders = half.filter((id) => disks.get(id)?.term(index) === term)
      const compacted = half.filter((id) => (disks.get(id)?.firstIndex() ?? 0) > index + 1)
      demand(
        half.length === 0 || (holders.length + compacted.length) * 2 > half.length,
        `${index} was committed, but only [${holders}] of [${half}] hold it`
      )
    }
  }

  /** I2: two entries with one position are one entry, and follow the same one. */
  persisted({ disk, id }: Pick<Observed, "disk" | "id">, entries: ReadonlyArray<Entry>): void {
    let before = disk.term(((entries[0]?.index ?? 1) - 1) as LogIndex)
    for (const entry of entries) {
      const content = `${contentOf(entry)} after term ${before}`
      const position = `${entry.term}/${entry.index}`
      const known = this.entries.get(position) ?? content
      demand(known === content, `${id} holds another entry at ${position}`)
      this.entries.set(position, content)
      before = entry.term
    }
  }

  /** Thesis §3.4: one vote per term, also across restarts. */
  sent(message: Message): void {
    if (message._tag !== "VoteResponse" || !message.granted) return
    const ballot = `${message.from} in ${message.term}`
    const known = this.votes.get(ballot) ?? message.to
    demand(known === message.to, `${ballot} voted for ${known} and ${message.to}`)
    this.votes.set(ballot, message.to)
  }

  /** I5: an entry is applied in order, and not before it is durable in the member's own log. */
  applied(member: Pick<Observed, "disk" | "id">, entry: Entry, before: LogIndex): void {
    demand(entry.index === before + 1, `${member.id} applied ${entry.index} after ${before}`)
    demand(
      member.disk.term(entry.index) === entry.term,
      `${member.id} applied ${entry.index} before it was durable`
    )
    demand(
      this.committed.get(entry.index) === contentOf(entry),
      `${member.id} applied something else than was committed at ${entry.index}`
    )
  }

  /** I6: equal applied index, equal state. */
  state(id: MemberId, index: LogIndex, digest: string): void {
    const known = this.states.get(index) ?? digest
    demand(known === digest, `the state of ${id} at ${index} differs from another member's`)
    this.states.set(index, digest)
  }

  /** I10: a read sees what was committed anywhere when it was asked. */
  read(id: MemberId, index: LogIndex, floor: LogIndex): void {
    demand(index >= floor, `${id} may read at ${index}, but ${floor} was committed before`)
  }
}

/** The content of an entry, apart from where it is. */
export const contentOf = ({ data, kind, term }: Entry): string =>
  `${term} ${kind} ${Buffer.from(data).toString("hex")}`

/** An entry as the member itself sees it: the unsaved tail counts. */
const entryAt = ({ raft }: Observed, index: LogIndex): Entry | undefined =>
  raft.entriesFrom(index, 0)?.[0]

function demand(condition: boolean, message: string): asserts condition {
  if (!condition) throw new SafetyViolated(message)
}
