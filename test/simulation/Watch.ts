/**
 * Looks at every node through all invariants: after each of its turns (who leads, what is committed),
 * with each write to its log and each commit of its state (what is there), and with each answer.
 */

import * as Result from "effect/Result"
import * as AppliedRecord from "../../src/domain/apply/AppliedRecord.ts"
import type { LogIndex } from "../../src/domain/Ids.ts"
import * as EntryRecord from "../../src/domain/log/EntryRecord.ts"
import { LogCorrupted } from "../../src/domain/log/Errors.ts"
import * as HardStateRecord from "../../src/domain/log/HardStateRecord.ts"
import type { Membership } from "../../src/domain/raft/Membership.ts"
import type { Raft } from "../../src/domain/raft/Raft.ts"
import type { Changes } from "../../src/domain/state/Changes.ts"
import type { LogChanges } from "../../src/layers/LogEnvironment.ts"
import { CutoverSteps } from "./CutoverSteps.ts"
import type { Findings } from "./Findings.ts"
import { AcknowledgedIsRead } from "./invariants/AcknowledgedIsRead.ts"
import { AppliedInOrder } from "./invariants/AppliedInOrder.ts"
import { AppliedOnce } from "./invariants/AppliedOnce.ts"
import { type Barrier, BarrierOpens } from "./invariants/BarrierOpens.ts"
import { CommittedStays } from "./invariants/CommittedStays.ts"
import { type Claim, DurableOnQuorum } from "./invariants/DurableOnQuorum.ts"
import { EqualStates } from "./invariants/EqualStates.ts"
import { LogsMatch } from "./invariants/LogsMatch.ts"
import { NoncesOnce } from "./invariants/NoncesOnce.ts"
import { OneLeaderPerTerm } from "./invariants/OneLeaderPerTerm.ts"
import { SealedAboveMarker } from "./invariants/SealedAboveMarker.ts"
import type { Cluster } from "./PrefixEncryption.ts"
import type { Sim } from "./Sim.ts"
import {
  appliedIn,
  type DiskWatch,
  groupId,
  type SimulatedDisk,
  type Written,
  writtenOf
} from "./SimulatedDisk.ts"

/** The running core of a node, as far as it was looked at. */
export interface Watched {
  readonly name: string
  readonly raft: Raft
  commitSeen: number
  wasLeader: boolean
  /** Once it is up. */
  barrier: (() => Barrier) | undefined
}

export interface Parts {
  readonly findings: Findings
  readonly cluster: Cluster
  readonly diskOf: (member: number) => SimulatedDisk | undefined
  readonly sim: Sim
}

export class Watch implements DiskWatch {
  readonly leaders: OneLeaderPerTerm
  readonly reads: AcknowledgedIsRead
  readonly once: AppliedOnce
  readonly barriers: BarrierOpens
  readonly steps: CutoverSteps
  readonly nonces: NoncesOnce
  readonly sealing: SealedAboveMarker
  private readonly findings: Findings
  private readonly logs: LogsMatch
  private readonly committed: CommittedStays
  private readonly durable: DurableOnQuorum
  private readonly applied: AppliedInOrder
  private readonly states: EqualStates
  /** The configuration whose quorum has committed an entry: a later one may need more. */
  private readonly committedWith = new Map<number, Membership>()
  /** By index, whatever they did. */
  private readonly appliedMarkers = new Set<number>()
  private isMarkerTruncated = false
  private readonly diskOf: (member: number) => SimulatedDisk | undefined
  /** Of the newest configuration that has committed anything. */
  voters: ReadonlyArray<number> = []

  constructor({ cluster, diskOf, findings, sim }: Parts) {
    this.findings = findings
    this.diskOf = diskOf
    this.barriers = new BarrierOpens(findings, () => sim.currentTimeMillisUnsafe())
    this.nonces = new NoncesOnce(findings)
    this.sealing = new SealedAboveMarker(findings, this.nonces, cluster)
    this.leaders = new OneLeaderPerTerm(findings)
    this.steps = new CutoverSteps((term) => this.leaders.of(term))
    this.sealing.onMarker = (position) => this.steps.marker(position)
    this.reads = new AcknowledgedIsRead(findings)
    this.once = new AppliedOnce(findings)
    this.logs = new LogsMatch(findings)
    this.committed = new CommittedStays(findings)
    this.durable = new DurableOnQuorum(findings)
    this.applied = new AppliedInOrder(findings, this.committed)
    this.states = new EqualStates(findings)
  }

  readonly nameOf = (member: number): string | undefined => this.diskOf(member)?.name

  /** A node has taken a turn. */
  turned(watched: Watched): void {
    const { name, raft } = watched
    const { role, term } = raft.standing()
    const isLeader = role === "Leader"
    // What it has learned of an earlier leader was that one's to show, with its configuration.
    if (isLeader && !watched.wasLeader) watched.commitSeen = raft.status().commit
    watched.wasLeader ||= isLeader
    if (isLeader) this.leaders.leads(name, term)
    this.committedBy(watched)
    watched.wasLeader = isLeader
    if (watched.barrier !== undefined) this.barriers.turned(name, watched.barrier())
  }

  /** A client was told that its write is done. */
  answered({ name, raft }: Watched): void {
    const { applied } = raft.status()
    const entry = this.committed.at(applied)
    const membership = this.committedWith.get(applied)
    if (entry === undefined || membership === undefined) return
    this.quorumHolds(name, { index: applied, term: entry.term, membership })
  }

  logGiven(disk: SimulatedDisk, { entries }: LogChanges): void {
    const [first] = entries
    if (first !== undefined) this.sealing.given(disk.name, entries, disk.termAt(first.index - 1))
  }

  logChanged(
    disk: SimulatedDisk,
    { entries, operation, records }: LogChanges,
    replaced: ReadonlyMap<number, Written>
  ): void {
    for (const [index, before] of replaced) {
      this.committed.lost(disk.name, index, before, disk.beginsAfter)
    }
    if (operation === "persist" && replaced.size > 0) this.findings.reach("tailTruncated")
    if (operation === "persist") this.truncated(replaced)
    if (operation === "install") this.snapshotInstalled(disk)
    for (const { index, record } of entries) {
      const written = writtenOf(record)
      this.logs.written(disk.name, index, written, disk.written.get(index - 1))
      this.steps.written(disk.name, { index, term: written.term }, this)
    }
    const hardState = records.find(({ name }) => name === "hardState")
    if (hardState === undefined) return
    const { commit } = Result.getOrThrow(HardStateRecord.decode(groupId, hardState.record))
    this.claims(disk, commit)
  }

  stateChanges(disk: SimulatedDisk, changes: Changes): void {
    this.states.commits(disk, changes)
    this.nonces.committed(changes)
    changes.forEach((table, _, { value }) => {
      if (table !== "applied" || value === undefined) return
      const { index, term } = Result.getOrThrow(AppliedRecord.decode(groupId, value))
      for (const watched of this.watched()) this.committedBy(watched)
      this.applied.appliedThrough(disk.name, index, term)
      this.states.compare(disk.name, index)
      for (const at of this.steps.indexes) {
        const entry = at <= index ? this.committed.at(at) : undefined
        if (entry !== undefined) this.markerApplied(disk.name, { index: at, term: entry.term })
      }
    })
  }

  stateReplaced(disk: SimulatedDisk): void {
    this.applied.begins(disk.name, appliedIn(disk.tables)?.index ?? 0)
    this.states.replaced(disk)
  }

  private markerApplied(name: string, position: { readonly index: number; readonly term: number }) {
    const { index } = position
    if (!this.steps.isMarker(position)) return
    this.steps.applied(name, position)
    if (this.appliedMarkers.has(index)) return
    this.appliedMarkers.add(index)
    const cutoverIndex = this.sealing.at(position)?.cutoverIndex
    if (cutoverIndex === 0) this.findings.reach("markerStale")
    if (cutoverIndex === index && this.isMarkerTruncated) {
      this.findings.reach("cutOverAfterTruncation")
    }
  }

  private truncated(replaced: ReadonlyMap<number, Written>): void {
    for (const [index, { term }] of replaced) {
      if (!this.steps.isMarker({ index, term })) continue
      this.isMarkerTruncated = true
      this.findings.reach("markerTruncated")
    }
  }

  /** Is the last entry that it stands for the marker that counts? */
  private snapshotInstalled({ beginsAfter, beginsAfterTerm }: SimulatedDisk): void {
    const at = this.sealing.at({ index: beginsAfter, term: beginsAfterTerm })
    if (at !== undefined && at.cutoverIndex === beginsAfter) this.findings.reach("snapshotAtMarker")
    if (at !== undefined && at.cutoverIndex !== 0) this.findings.reach("snapshotOverMarker")
  }

  /** A leader has taken more for committed, in the turn that is being taken. */
  onCommit: (name: string) => void = () => {}

  /** The cores that run; set by who runs them. */
  watched: () => ReadonlyArray<Watched> = () => []

  /** Also by one that led when its turn began, and has stepped down in it. */
  private committedBy(watched: Watched): void {
    const { name, raft } = watched
    if (!watched.wasLeader) return
    const { commit, id, membership, role } = raft.status()
    if (commit <= watched.commitSeen) return
    const disk = this.diskOf(id)
    for (let index = watched.commitSeen + 1; index <= commit; index++) {
      const entry = heldBy(raft, disk?.written.get(index), index)
      if (entry === undefined) continue
      this.committed.claimed(name, index, entry)
      this.committedWith.set(index, membership)
      this.voters = membership.voters
      this.steps.committed(name, { index, term: entry.term })
      if (index === commit && role === "Leader")
        this.quorumHolds(name, { index, term: entry.term, membership })
    }
    watched.commitSeen = commit
    this.onCommit(name)
  }

  private quorumHolds(name: string, claim: Pick<Claim, "index" | "membership" | "term">): void {
    const { index, term } = claim
    const holds = (member: number) => this.diskOf(member)?.holds(index, term) ?? false
    this.durable.committed({ name, holds, ...claim })
  }

  /** Everything through `commit` that this disk holds. */
  private claims(disk: SimulatedDisk, commit: number): void {
    for (let index = disk.beginsAfter + 1; index <= commit; index++) {
      const entry = disk.written.get(index)
      if (entry !== undefined) this.committed.claimed(disk.name, index, entry)
    }
  }
}

/**
 * What the core has there: of a leader, which replaces nothing, what it has written, if it has; of one that
 * has stepped down first what is about to replace that.
 */
function heldBy(raft: Raft, written: Written | undefined, index: number): Written | undefined {
  const { role } = raft.standing()
  return role === "Leader" && written !== undefined ? written : (inCore(raft, index) ?? written)
}

/** `undefined` too if the core would stumble over a record that was damaged since. */
function inCore(raft: Raft, index: number): Written | undefined {
  try {
    const entry = raft.entriesFrom(index as LogIndex, 1)?.[0]
    return entry && writtenOf(EntryRecord.encode(groupId, entry))
  } catch (error) {
    if (error instanceof LogCorrupted) return undefined
    throw error
  }
}
