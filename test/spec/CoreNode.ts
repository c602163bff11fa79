/**
 * One node of a cluster that does the model's moves: Raft core, engine driver, applier, barrier and
 * cutover machine are the real ones, and stand still between two moves.
 *
 * What is not the real one: the loop around them (`RaftEngineRound`, here `turn`), the callers of the
 * coordinator and of the cutover (here a queue and an inbox), the disk. What is committed waits for the move
 * that applies it. Every opening is registered as a writer beforehand, so that the log has the model's
 * indexes.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Applier } from "../../src/domain/apply/Applier.ts"
import type { ReplicatedState } from "../../src/domain/apply/ReplicatedState.ts"
import * as Barrier from "../../src/domain/cutover/Barrier.ts"
import * as Machine from "../../src/domain/cutover/CutoverMachine.ts"
import * as Preflight from "../../src/domain/cutover/Preflight.ts"
import * as Command from "../../src/domain/encryption/Command.ts"
import type { LogIndex, Term } from "../../src/domain/Ids.ts"
import { invariant } from "../../src/domain/Invariant.ts"
import * as Payload from "../../src/domain/log/Payload.ts"
import type { Entry } from "../../src/domain/raft/Entry.ts"
import type { AppendResponse, InstallSnapshot, Message } from "../../src/domain/raft/Message.ts"
import type { Raft } from "../../src/domain/raft/Raft.ts"
import type { Ready } from "../../src/domain/raft/Ready.ts"
import { OverlayTransaction } from "../../src/domain/state/OverlayTransaction.ts"
import { Counters } from "../../src/domain/telemetry/Counters.ts"
import * as QuiescenceBarrierLive from "../../src/layers/QuiescenceBarrierLive.ts"
import { RaftEngineDriver } from "../../src/layers/RaftEngineDriver.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import type { Proposal, ProposeRejection } from "../../src/services/RaftEngine.ts"
import { MemoryLog } from "../domain/raft/support/MemoryLog.ts"
import * as Founding from "./CoreFounding.ts"
import * as CoreView from "./CoreView.ts"
import type { NodeView } from "./NodeView.ts"

/** Bugs that a node may have, each of which a trace must show. */
export interface Planted {
  readonly makeDriver: (
    parts: ConstructorParameters<typeof RaftEngineDriver>[0]
  ) => RaftEngineDriver
  readonly transition: typeof Machine.transition
  /** Is the wrap flag set when a marker was applied, when a snapshot was installed, at start-up? */
  readonly setsFlag: (
    node: CoreNode,
    cause: "markerApplied" | "snapshotInstalled" | "start"
  ) => boolean
}

export const sound: Planted = {
  makeDriver: (parts) => new RaftEngineDriver(parts),
  transition: Machine.transition,
  setsFlag: () => true
}

/** Proposed, and not yet looked at by the engine. */
interface Proposed extends Pick<Proposal, "body" | "term" | "toBeSealed" | "onEvent"> {
  readonly ended: (result: Exit.Exit<LogIndex, ProposeRejection>) => void
}

const userBody = Payload.encode({
  _tag: "Requests",
  requests: [{ session: undefined, content: Buffer.from("write") }]
})

export class CoreNode {
  readonly id: number
  readonly log = new MemoryLog(Founding.membership)
  /** The most it has vouched for to the leader of its term. */
  vouched: AppendResponse | undefined = undefined
  private readonly planted: Planted
  /** The state on disk. */
  private durable: ReplicatedState = Founding.state()
  /** The content of a snapshot on its way to it. */
  private arriving: ReplicatedState | undefined = undefined
  private raft!: Raft
  private driver!: RaftEngineDriver
  private applier!: Applier
  private barrier!: QuiescenceBarrier["Service"]
  private machine: Machine.CutoverState = Machine.idle
  private ready: Preflight.Ready | undefined = undefined
  private flag = false
  private queue: Array<Term> = []
  private inbox: Array<Proposed> = []
  private committed: Array<Entry> = []

  constructor(id: number, planted: Planted) {
    this.id = id
    this.planted = planted
    this.log.snapshotToSend = () => Founding.snapshotOf(this.durable)
    this.start()
  }

  get leads(): boolean {
    return this.raft.standing().role === "Leader"
  }

  get commit(): LogIndex {
    return this.raft.status().commit
  }

  vouchesFor(answer: AppendResponse): void {
    const { vouched } = this
    if (vouched?.term === answer.term && vouched.index > answer.index) return
    this.vouched = answer
  }

  /** Is this entry of its own term, and not committed yet? Then one more voter commits it. */
  wouldCommit(index: LogIndex): boolean {
    return index > this.commit && this.log.term(index) === this.raft.standing().term
  }

  /** What a snapshot of it contains. */
  get durableState(): ReplicatedState {
    return this.durable
  }

  /** Loses everything but its log, its vote and the state on disk. */
  restart(): void {
    this.log.hardState = { ...this.log.hardState, commit: this.durable.applied.index }
    this.start()
  }

  compact(): void {
    const { index } = this.applier.position
    if (index >= this.log.firstIndex()) this.log.compactThrough(index)
    this.keep()
  }

  /** The state becomes durable. */
  keep(): void {
    this.durable = this.stateOf()
  }

  campaign(): ReadonlyArray<Message> {
    this.raft.campaign()
    return this.turn()
  }

  tick(): ReadonlyArray<Message> {
    this.driver.accept({ _tag: "Tick" })
    return this.turn()
  }

  receive(message: Message): ReadonlyArray<Message> {
    this.driver.received.room.admit(message)
    this.driver.accept({ _tag: "Receive", message })
    return this.turn()
  }

  /** The content is complete: the driver hands the message to the core. */
  receiveSnapshot(message: InstallSnapshot, content: ReplicatedState): ReadonlyArray<Message> {
    this.arriving = content
    this.raft.step(message)
    return this.turn()
  }

  snapshotEnded(peer: InstallSnapshot["to"], outcome: "delivered" | "failed"): void {
    this.driver.accept({ _tag: "SnapshotEnded", peer, outcome })
  }

  admit(): void {
    const intake = this.driver.intake()
    invariant(intake._tag === "Open", "the intake is open")
    invariant(this.barrier.admit({ source: "user", term: intake.term }), "the barrier is open")
    this.queue.push(intake.term)
  }

  /** A batch of one: the wrap flag is read here. */
  batch(): void {
    const term = this.queue.shift()
    invariant(term !== undefined, "somebody waits for a batch")
    const settle = () => this.barrier.settle({ count: 1, term })
    this.inbox.push({
      body: userBody,
      term,
      toBeSealed: this.flag,
      onEvent: ({ _tag }) => {
        if (_tag !== "TermLeft") settle()
      },
      ended: (result) => {
        if (Exit.isFailure(result)) settle()
      }
    })
  }

  rotate(): void {
    const intake = this.driver.intake()
    invariant(intake._tag === "Open", "the intake is open")
    this.inbox.push({
      body: Command.encode(Founding.rotation),
      term: intake.term,
      toBeSealed: this.flag,
      onEvent: () => {},
      ended: () => {}
    })
  }

  /** The engine looks at the next proposal. */
  accept(): void {
    const proposed = this.inbox.shift()
    invariant(proposed !== undefined, "something is proposed")
    let answer: Exit.Exit<LogIndex, ProposeRejection> | undefined
    this.driver.accept({
      _tag: "Propose",
      proposal: proposed,
      resume: (told) => {
        answer = Effect.runSyncExit(Effect.map(told, ({ index }) => index))
      }
    })
    this.turn()
    invariant(answer !== undefined, "a proposer is told")
    proposed.ended(answer)
  }

  apply(): void {
    const entry = this.committed.shift()
    invariant(entry !== undefined, "something is committed and not applied")
    const { failure, missingKeys, outcomes } = this.applier.apply([entry])
    invariant(failure === undefined && missingKeys.length === 0, "the entry can be applied")
    this.driver.answer(entry, outcomes[0]!)
    this.driver.finished()
  }

  begin(): void {
    const decision = Preflight.decide({
      state: this.machine,
      intake: this.driver.intake(),
      sidecar: this.applier.sidecar,
      markerCounts: this.driver.guard.markerCounts,
      spaceLow: undefined
    })
    invariant(decision._tag === "Ready", "the preflight passes")
    this.ready = decision
    this.dispatch({ _tag: "Started", term: decision.term })
  }

  drained(): void {
    invariant(Barrier.isDrained(this.barrier.state()), "the barrier is drained")
    this.dispatch({ _tag: "Drained" })
  }

  drainTimesOut(): void {
    this.dispatch({ _tag: "DrainTimedOut" })
  }

  view(): NodeView {
    const { role, term } = this.raft.standing()
    const { active, raftEnvelopeCutoverIndex } = this.applier.sidecar
    const base = this.log.firstIndex() - 1
    const compacted = Array.from({ length: base }, () => Founding.compactedEntry)
    const { inflightCount, isClosed } = this.barrier.state()
    return {
      term,
      leads: role === "Leader",
      log: [...compacted, ...this.log.all().map(CoreView.viewOf)],
      base,
      commit: this.commit,
      applied: this.applier.position.index,
      key: Founding.modelKey(active.raft),
      cutover: raftEnvelopeCutoverIndex,
      flag: this.flag,
      isClosed,
      inflight: inflightCount,
      program: CoreView.programOf(this.machine),
      queue: this.queue,
      inbox: this.inbox.map(({ body, term: admitted, toBeSealed }) => ({
        ...CoreView.kindOf(body),
        term: admitted,
        isSealed: toBeSealed
      })),
      isIntakeOpen: this.driver.intake()._tag === "Open",
      markerCounts: this.driver.guard.markerCounts
    }
  }

  private start(): void {
    this.machine = Machine.idle
    this.flag = false
    this.queue = []
    this.inbox = []
    this.committed = []
    this.barrier = Effect.runSync(
      QuiescenceBarrier.pipe(Effect.provide(QuiescenceBarrierLive.layer))
    )
    let isStarting = true
    this.applier = new Applier(
      {
        groupId: Founding.groupId,
        keys: Founding.keys,
        machine: { apply: () => new Uint8Array(), read: () => new Uint8Array() },
        store: {
          reader: Founding.noRows,
          transact: (body) => body(new OverlayTransaction(Founding.noRows, []))
        },
        counters: new Counters(),
        onCutOver: (cause) => {
          this.flag ||= this.planted.setsFlag(this, isStarting ? "start" : cause)
        }
      },
      this.durable.copy()
    )
    isStarting = false
    this.raft = Founding.core({ id: this.id, log: this.log, applied: this.durable.applied.index })
    const parts = { raft: this.raft, applier: this.applier, barrier: this.barrier }
    this.driver = this.planted.makeDriver(Founding.driverParts(this.id, parts))
    this.driver.guard.appended(
      this.log.all().filter(({ index }) => index > this.applier.position.index)
    )
    this.driver.accepted()
  }

  private stateOf(): ReplicatedState {
    const { applier } = this
    const state = this.durable.copy()
    state.sidecar = applier.sidecar
    state.registry = applier.registry
    state.members = applier.members
    state.applied = applier.position as ReplicatedState["applied"]
    return state
  }

  /** persist → send → (apply, later) → advance, until there is nothing to do. */
  private turn(): ReadonlyArray<Message> {
    this.driver.accepted()
    const sent: Array<Message> = []
    while (this.raft.hasReady()) {
      const ready = this.raft.ready()
      if (ready.snapshot !== undefined) this.install(ready.snapshot)
      this.log.append(ready.entries)
      this.log.hardState = ready.hardState ?? this.log.hardState
      this.committed.push(...ready.committedEntries)
      this.driver.persisted(ready)
      sent.push(...ready.messages)
      this.raft.advance(ready)
      this.driver.finished()
    }
    return sent
  }

  private install(snapshot: NonNullable<Ready["snapshot"]>): void {
    const content = this.arriving
    invariant(content?.applied.index === snapshot.index, "the snapshot that has arrived")
    this.log.install(snapshot)
    this.committed = []
    this.applier.restore(content.copy())
    this.driver.installed(snapshot.index)
    this.keep()
  }

  private dispatch(event: Machine.CutoverEvent): void {
    const { actions, state } = this.planted.transition(this.machine, event)
    this.machine = state
    for (const action of actions) this.carryOut(action)
  }

  private carryOut(action: Machine.CutoverAction): void {
    switch (action._tag) {
      case "CloseBarrier":
        return this.barrier.close()
      case "OpenBarrier":
        return this.barrier.open()
      case "SetWrapFlag":
        this.flag = true
        return
      case "ProposeMarker":
        return this.proposeMarker()
      case "End":
      case "Answer":
        return
    }
  }

  private proposeMarker(): void {
    const { ready } = this
    invariant(ready !== undefined, "a run has passed the preflight")
    const rejection = Preflight.leadershipRefusal(ready, this.driver.intake())
    if (rejection !== undefined) return this.dispatch({ _tag: "MarkerRefused", rejection })
    this.inbox.push({
      body: Command.encode({ _tag: "EnableRaftEnvelope", raftKeyId: ready.raftKeyId }),
      term: ready.term,
      toBeSealed: false,
      onEvent: (event) => this.dispatch(CoreView.markerEventOf(event)),
      ended: (result) =>
        this.dispatch(
          Exit.isSuccess(result)
            ? { _tag: "MarkerAppended", index: result.value }
            : { _tag: "MarkerRefused", rejection: CoreView.rejectionOf(result) }
        )
    })
  }
}
