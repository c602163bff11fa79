/**
 * One member of a simulated cluster: a core, its driver, its disk and its state machine.
 *
 * The driver does one phase of persist → send → apply at a time, so that anything may come between
 * two phases: messages, proposals, a crash. A crash takes the core and what was not durable.
 */
import type { LogIndex, MemberId } from "../../../../src/domain/Ids.ts"
import { invariant } from "../../../../src/domain/Invariant.ts"
import type { Entry } from "../../../../src/domain/raft/Entry.ts"
import type * as HardState from "../../../../src/domain/raft/HardState.ts"
import * as MembershipChange from "../../../../src/domain/raft/MembershipChange.ts"
import type { Message } from "../../../../src/domain/raft/Message.ts"
import type { PlantedBug } from "../../../../src/domain/raft/PlantedBug.ts"
import * as Raft from "../../../../src/domain/raft/Raft.ts"
import type { Ready } from "../../../../src/domain/raft/Ready.ts"
import type { Snapshot } from "../../../../src/domain/raft/Snapshot.ts"
import { MemoryLog } from "./MemoryLog.ts"
import type { Random } from "./Random.ts"
import { contentOf, type SafetyChecks } from "./SafetyChecks.ts"

/** Ways to break the contract of the driver, for the tests that must catch them. */
export type DriverBug =
  /** Messages leave before what they vouch for is written. */
  | "sendsBeforePersisting"
  /** The vote is not written. */
  | "forgetsVote"
  /** A write is taken for durable before it is. */
  | "losesLastWrite"

export interface Settings {
  readonly electionTicks: number
  readonly heartbeatTicks: number
  readonly preVote: boolean
  readonly checkQuorum: boolean
  readonly messageBytesMax: number
  readonly inflightMessagesMax: number
  readonly committedBytesPerReadyMax: number
  readonly plantedBug: PlantedBug | undefined
  readonly driverBug: DriverBug | undefined
}

/** What a member meets outside of itself. */
export interface Surroundings {
  readonly random: Random
  readonly checks: SafetyChecks
  readonly send: (message: Message) => void
  /** Called after each phase of the driver. */
  readonly observe: (member: SimulatedMember) => void
  /** A read may be served from this index on. */
  readonly read: (requestId: bigint, index: LogIndex) => void
}

/** The state machine after some entry: a digest of everything applied so far. */
interface Applied {
  readonly snapshot: Snapshot
  readonly digest: string
}

/** What snapshots stand for: their content travels beside the core. */
const contents = new WeakMap<Snapshot, Applied>()

type Phase = "persist" | "send" | "apply"

interface Working {
  readonly ready: Ready
  readonly phases: Array<Phase>
}

export class SimulatedMember {
  readonly id: MemberId
  readonly disk: MemoryLog
  raft: Raft.Raft | undefined = undefined
  private working: Working | undefined = undefined
  /** Every state since the last one that is known to be flushed, which comes first. */
  private history: Array<Applied>
  private hardStateSynced: HardState.HardState
  private lastWrite: MemoryLog
  private readonly settings: Settings
  private readonly random: Random
  private readonly checks: SafetyChecks
  private readonly surroundings: Surroundings

  constructor(
    start: { readonly id: MemberId; readonly snapshot: Snapshot },
    settings: Settings,
    surroundings: Surroundings
  ) {
    this.id = start.id
    this.disk = new MemoryLog()
    this.hardStateSynced = this.disk.hardState
    this.lastWrite = this.disk.copy()
    this.settings = settings
    this.random = surroundings.random
    this.checks = surroundings.checks
    this.surroundings = surroundings
    this.history = [{ snapshot: start.snapshot, digest: "" }]
    if (start.snapshot.index > 0) this.disk.install(start.snapshot)
    this.disk.snapshotToSend = () => this.newestSnapshot()
    this.restart()
  }

  get applied(): LogIndex {
    return this.current.snapshot.index
  }

  get digest(): string {
    return this.current.digest
  }

  restart(): void {
    const { random, settings } = this
    this.disk.membership = this.current.snapshot.membership
    this.raft = Raft.make(
      {
        id: this.id,
        log: this.disk,
        applied: this.applied,
        electionTicks: settings.electionTicks,
        heartbeatTicks: settings.heartbeatTicks,
        randomizedElectionTicks: () =>
          random.between(settings.electionTicks, 2 * settings.electionTicks),
        messageBytesMax: settings.messageBytesMax,
        inflightMessagesMax: settings.inflightMessagesMax,
        inflightBytesMax: Number.POSITIVE_INFINITY,
        uncommittedBytesMax: 400,
        committedBytesPerReadyMax: settings.committedBytesPerReadyMax,
        preVote: settings.preVote,
        checkQuorum: settings.checkQuorum,
        stepDownOnRemoval: true
      },
      settings.plantedBug
    )
  }

  /** Loses the core, the commit index if it was not synced, and states that were not flushed. */
  crash(): void {
    this.raft = undefined
    this.working = undefined
    if (this.random.chance(0.5)) this.disk.hardState = this.hardStateSynced
    if (this.settings.driverBug === "losesLastWrite") this.loseLastWrite()
    const flushed = this.history.filter(({ snapshot }) => snapshot.index <= this.disk.lastIndex())
    this.history = flushed.slice(0, this.random.between(1, flushed.length + 1))
  }

  /** Does the next phase of the driver's loop, if there is anything to do. */
  work(): void {
    const { raft } = this
    if (raft === undefined) return
    if (this.working === undefined) {
      if (!raft.hasReady()) return
      const phases: Array<Phase> =
        this.settings.driverBug === "sendsBeforePersisting"
          ? ["send", "persist", "apply"]
          : ["persist", "send", "apply"]
      this.working = { ready: raft.ready(), phases }
    }
    const { phases, ready } = this.working
    const phase = phases.shift()
    if (phase === "persist") this.persist(ready)
    if (phase === "send") this.hand(ready)
    if (phase === "apply") this.apply(raft, ready)
    this.surroundings.observe(this)
  }

  /** Works until there is nothing left to do. */
  workAll(): void {
    while (this.working !== undefined || this.raft?.hasReady() === true) this.work()
  }

  /** Drops a flushed prefix of the log. */
  compact(): void {
    this.history = this.history.slice(-this.random.between(1, this.history.length + 1))
    const flushed = this.history[0]!.snapshot.index
    const first = this.disk.firstIndex()
    if (flushed < first) return
    this.disk.compactThrough(this.random.between(first, flushed + 1) as LogIndex)
  }

  private get current(): Applied {
    return this.history.at(-1)!
  }

  private persist({ entries, hardState, mustSync, snapshot }: Ready): void {
    this.lastWrite = this.disk.copy()
    if (snapshot !== undefined) {
      this.disk.install(snapshot)
      const content = contents.get(snapshot)
      invariant(content !== undefined, "a snapshot that is sent has content")
      this.history = [content]
      this.checks.state(this.id, snapshot.index, content.digest)
    }
    this.checks.persisted(this, entries)
    this.disk.append(entries)
    if (hardState !== undefined) {
      const { driverBug } = this.settings
      this.disk.hardState =
        driverBug === "forgetsVote" ? { ...hardState, vote: undefined } : hardState
    }
    if (mustSync || snapshot !== undefined) this.hardStateSynced = this.disk.hardState
  }

  /** The planted bug; what is flushed of the state machine must still be in the log. */
  private loseLastWrite(): void {
    const flushed = this.history[0]!.snapshot.index
    if (this.lastWrite.lastIndex() >= flushed) this.disk.become(this.lastWrite)
  }

  private hand({ messages, readStates }: Ready): void {
    for (const message of messages) this.surroundings.send(message)
    for (const { index, requestId } of readStates) this.surroundings.read(requestId, index)
  }

  private apply(raft: Raft.Raft, ready: Ready): void {
    for (const entry of ready.committedEntries) this.applyEntry(raft, entry)
    this.working = undefined
    raft.advance(ready)
  }

  private applyEntry(raft: Raft.Raft, entry: Entry): void {
    this.checks.applied(this, entry, this.applied)
    let { membership } = this.current.snapshot
    if (entry.kind === "membership") {
      const change = MembershipChange.decode(entry.data)
      invariant(change !== undefined, "a change that was proposed can be read")
      membership = raft.applyMembershipChange(change)
    }
    const digest = hash(`${this.digest} ${contentOf(entry)}`)
    const { index, term } = entry
    this.history.push({ snapshot: { index, term, membership }, digest })
    this.checks.state(this.id, index, digest)
  }

  private newestSnapshot(): Snapshot | undefined {
    const { current } = this
    if (current.snapshot.index === 0) return undefined
    contents.set(current.snapshot, current)
    return current.snapshot
  }
}

/** FNV-1a, enough to tell states apart. */
function hash(text: string): string {
  let value = 0xcbf29ce484222325n
  for (const character of text) {
    value = BigInt.asUintN(64, (value ^ BigInt(character.charCodeAt(0))) * 0x100000001b3n)
  }
  return value.toString(16)
}
