/**
 * Applies committed entries to the state, in order, each wholly or not at all (SPEC §11).
 *
 * One commit carries a run of entries: their values, the sidecar, the registry and the applied index.
 * What must never happen: an applied index past an entry that failed; a payload taken for plaintext
 * or sealed by anything but its index; an applied marker that is visible before the wrap flag is set.
 * Proof: `Applier.test.ts`.
 */
import * as Result from "effect/Result"
import type { Command } from "../encryption/Command.ts"
import type { KeyLookup } from "../encryption/Envelope.ts"
import * as RaftEnvelope from "../encryption/RaftEnvelope.ts"
import * as Registration from "../encryption/Registration.ts"
import * as Sidecar from "../encryption/SidecarState.ts"
import * as WriterRegistry from "../encryption/WriterRegistry.ts"
import type { GroupId } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import * as Limits from "../Limits.ts"
import * as Payload from "../log/Payload.ts"
import * as ProposalEnvelope from "../log/ProposalEnvelope.ts"
import type { SessionSequence } from "../log/Request.ts"
import type { ValueReader, ValueStore } from "../machine/ValueStore.ts"
import * as Members from "../members/Members.ts"
import type { Entry } from "../raft/Entry.ts"
import * as MembershipChange from "../raft/MembershipChange.ts"
import type { Position } from "../raft/Position.ts"
import type * as SessionRecord from "../session/SessionRecord.ts"
import * as SessionTable from "../session/SessionTable.ts"
import type { StateReader, StateTransaction } from "../state/StateTransaction.ts"
import type { Counters } from "../telemetry/Counters.ts"
import { ApplyFailed, type ApplyFailure, isApplyFailure } from "./Errors.ts"
import type { AppliedOutcome, RequestOutcome } from "./Outcome.ts"
import type { ReplicatedState } from "./ReplicatedState.ts"
import * as SealedValueStore from "./SealedValueStore.ts"

/** What an applier works with. */
export interface Parts {
  readonly groupId: GroupId
  readonly keys: KeyLookup
  readonly machine: {
    readonly apply: (request: Uint8Array, store: ValueStore) => Uint8Array
    readonly read: (query: Uint8Array, store: ValueReader) => Uint8Array
  }
  readonly store: {
    readonly reader: StateReader
    readonly transact: <A>(body: (transaction: StateTransaction) => A) => A
  }
  readonly counters: Counters
  /** The cutover has been applied: called before anybody can see the applied index of the marker. */
  readonly onCutOver: (cause: "markerApplied" | "snapshotInstalled") => void
}

/** What became of the first entries of a run. */
export interface Run {
  /** One for each entry applied, from the first on. */
  readonly outcomes: ReadonlyArray<AppliedOutcome>
  /** The next entry brings these keys: unwrap them, then go on with it. */
  readonly missingKeys: ReadonlyArray<Sidecar.WrappedKey>
  /** The next entry cannot be applied; nothing after it ever is. */
  readonly failure: ApplyFailure | undefined
}

/** Thrown inside a commit to end it before an entry. */
class NeedsKeys {
  readonly keys: ReadonlyArray<Sidecar.WrappedKey>
  constructor(keys: ReadonlyArray<Sidecar.WrappedKey>) {
    this.keys = keys
  }
}

/** Mutable: one per opening, driven by the engine's single fibre; everybody may read. */
export class Applier {
  private readonly parts: Parts
  private state: ReplicatedState

  /** Throws `RecordCorrupted` if the state cannot be loaded. */
  constructor(parts: Parts, state: ReplicatedState) {
    this.parts = parts
    this.state = state
    if (state.sidecar.raftEnvelopeCutoverIndex !== 0) parts.onCutOver("markerApplied")
  }

  get position(): Position {
    return this.state.applied
  }

  get revision() {
    return this.state.applied.revision
  }

  get sidecar(): Sidecar.SidecarState {
    return this.state.sidecar
  }

  get registry(): WriterRegistry.WriterRegistry {
    return this.state.registry
  }

  get members(): Members.Members {
    return this.state.members
  }

  /**
   * The state of a snapshot has taken the place of what was applied: called once the store says so, and
   * with its keys unwrapped. The wrap flag is set before anybody can see its applied index (SPEC §13).
   */
  restore(state: ReplicatedState): void {
    invariant(
      state.applied.index > this.position.index,
      "a snapshot never takes back what is applied"
    )
    if (state.sidecar.raftEnvelopeCutoverIndex !== 0) this.parts.onCutOver("snapshotInstalled")
    this.state = state
  }

  /** Answers a query from what has been applied. Throws `ValueCorrupted`. */
  read(query: Uint8Array): Uint8Array {
    const { counters, keys, groupId, machine, store } = this.parts
    const { sidecar } = this.state
    const reading = { counters, keys, groupId, sidecar, revision: this.revision }
    return machine.read(query, SealedValueStore.reader(store.reader, reading))
  }

  /**
   * Applies as many of these entries as can be applied now, in one commit, or as are answered with no
   * more than `Limits.runAnswerBytesMax`. Throws `StateWriteFailure` if the commit fails.
   */
  apply(entries: ReadonlyArray<Entry>): Run {
    let until = entries.length
    let stoppedBy: Pick<Run, "missingKeys" | "failure"> = { missingKeys: [], failure: undefined }
    while (until > 0) {
      const attempted = this.commit(entries.slice(0, until))
      if (attempted._tag === "Committed") {
        const { outcomes } = attempted
        // What stopped the attempt before stands behind those that this one has not come to.
        return outcomes.length < until
          ? { outcomes, missingKeys: [], failure: undefined }
          : { outcomes, ...stoppedBy }
      }
      until = attempted.offset
      stoppedBy = attempted
    }
    return { outcomes: [], ...stoppedBy }
  }

  /** The first of these entries in one commit, or none and the offset of the one that ended it. */
  private commit(entries: ReadonlyArray<Entry>): Committed | Stopped {
    const next = this.state.copy()
    const outcomes: Array<AppliedOutcome> = []
    try {
      this.parts.store.transact((transaction) => {
        let answerBytes = 0
        for (const entry of entries) {
          const outcome = this.applyEntry(entry, next, transaction)
          outcomes.push(outcome)
          answerBytes += answerBytesOf(outcome)
          if (answerBytes >= Limits.runAnswerBytesMax) break
        }
        next.save(transaction, this.state)
      })
    } catch (error) {
      const offset = outcomes.length
      if (error instanceof NeedsKeys) {
        return { _tag: "Stopped", offset, missingKeys: error.keys, failure: undefined }
      }
      if (!isApplyFailure(error)) throw error
      return { _tag: "Stopped", offset, missingKeys: [], failure: error }
    }
    if (next.sidecar.raftEnvelopeCutoverIndex !== 0) this.parts.onCutOver("markerApplied")
    this.state = next
    this.parts.counters.entriesApplied += outcomes.length
    return { _tag: "Committed", outcomes }
  }

  private applyEntry(
    entry: Entry,
    state: ReplicatedState,
    transaction: StateTransaction
  ): AppliedOutcome {
    const expected = state.applied.index + 1
    invariant(entry.index === expected, "entries are applied in order, each exactly once")
    let outcome: AppliedOutcome
    try {
      outcome = this.dispatch(entry, state, transaction)
    } catch (error) {
      throw asApplyFailure(error, entry, this.parts.groupId)
    }
    state.applied = { ...state.applied, index: entry.index, term: entry.term }
    return outcome
  }

  private dispatch(
    entry: Entry,
    state: ReplicatedState,
    transaction: StateTransaction
  ): AppliedOutcome {
    switch (entry.kind) {
      case "noop":
        return { _tag: "Noop" }
      case "registration":
        return register(entry, state, this.parts.groupId)
      case "membership":
        return changeMembership(entry, state, this.parts.groupId)
      case "normal": {
        const payload = this.payloadOf(entry, state.sidecar)
        switch (payload._tag) {
          case "Requests":
            return this.applyRequests(entry, payload.requests, state, transaction)
          case "OpenSession": {
            const opening = { sessionId: payload.sessionId, index: entry.index }
            const outcome = SessionTable.open(transaction, this.parts.groupId, opening)
            return { _tag: "SessionOpened", outcome }
          }
          case "ExpireSessions": {
            const { sessions } = payload
            const count = SessionTable.expire(transaction, this.parts.groupId, sessions)
            return { _tag: "SessionsExpired", count }
          }
          default:
            return { _tag: "Encryption", outcome: this.applyCommand(entry, payload, state) }
        }
      }
    }
  }

  /** Envelope first; then sealed or not by the index alone, strictly above the cutover (SPEC §11). */
  private payloadOf(entry: Entry, sidecar: Sidecar.SidecarState): Payload.Payload {
    const { counters, groupId, keys } = this.parts
    const { index, term } = entry
    const envelope = ProposalEnvelope.decode(entry.data)
    if (Result.isFailure(envelope)) {
      throw failed(entry, groupId, "badEnvelope", envelope.failure.message)
    }
    let { body } = envelope.success
    if (Sidecar.isEntrySealed(sidecar, index)) {
      const opened = RaftEnvelope.open({ keys, groupId, term, index }, body)
      if (Result.isFailure(opened)) counters.openFailures.raft[opened.failure.reason] += 1
      body = Result.getOrThrow(opened)
      counters.opens.raft += 1
    }
    const payload = Payload.decode(body)
    if (Result.isSuccess(payload)) return payload.success
    const { _tag, message } = payload.failure
    throw failed(entry, groupId, _tag === "UnknownOpcode" ? "unknownOpcode" : "malformed", message)
  }

  private applyRequests(
    entry: Entry,
    requests: Payload.Requests["requests"],
    state: ReplicatedState,
    transaction: StateTransaction
  ): AppliedOutcome {
    const results = requests.map(({ content, session }, position) => {
      if (session === undefined) return this.applyContent(content, state, transaction)
      const place = { index: entry.index, position }
      return this.applyOnce({ content, place, ...session }, state, transaction)
    })
    return { _tag: "Results", results }
  }

  private applyContent(
    content: Uint8Array,
    state: ReplicatedState,
    transaction: StateTransaction
  ): Uint8Array {
    const { counters, groupId, keys, machine } = this.parts
    const { sidecar } = state
    const reading = { counters, groupId, keys, sidecar, revision: state.applied.revision }
    const store = new SealedValueStore.SealedValueStore(transaction, reading)
    const result = machine.apply(content, store)
    state.applied = { ...state.applied, revision: store.revision }
    return result
  }

  /** A write of a session: applied and recorded, or answered as it was before. */
  private applyOnce(
    write: SessionSequence & {
      readonly content: Uint8Array
      readonly place: SessionRecord.Place
    },
    state: ReplicatedState,
    transaction: StateTransaction
  ): RequestOutcome {
    const { groupId, keys } = this.parts
    const context = { groupId, keys, sidecar: state.sidecar }
    const known = SessionTable.find(transaction, context, write)
    if (known._tag === "Refused") return known.refusal
    if (known._tag === "Repeated") return known.result
    const result = this.applyContent(write.content, state, transaction)
    SessionTable.record(transaction, context, { ...write, session: known.session, result })
    return result
  }

  private applyCommand(
    entry: Entry,
    command: Command,
    state: ReplicatedState
  ): Sidecar.SidecarOutcome {
    const { keys } = this.parts
    const at = { index: entry.index, revision: state.applied.revision }
    const { outcome, state: sidecar } = Sidecar.apply(state.sidecar, command, at)
    if (outcome._tag !== "Applied") return outcome
    const missing = sidecar.keys.filter(({ id }) => keys(id) === undefined)
    if (missing.length > 0) throw new NeedsKeys(missing)
    state.sidecar = sidecar
    if (command._tag === "Bootstrap") {
      for (const writer of command.writers) {
        state.registry = WriterRegistry.allocate(state.registry, writer).registry
      }
    }
    return outcome
  }
}

interface Committed {
  readonly _tag: "Committed"
  readonly outcomes: ReadonlyArray<AppliedOutcome>
}

interface Stopped extends Pick<Run, "missingKeys" | "failure"> {
  readonly _tag: "Stopped"
  readonly offset: number
}

function answerBytesOf(outcome: AppliedOutcome): number {
  if (outcome._tag !== "Results") return 0
  let bytes = 0
  for (const result of outcome.results) if (result instanceof Uint8Array) bytes += result.length
  return bytes
}

function register(entry: Entry, state: ReplicatedState, groupId: GroupId): AppliedOutcome {
  const registration = Registration.decode(entry.data)
  if (Result.isFailure(registration)) {
    throw failed(entry, groupId, "malformed", registration.failure.message)
  }
  const { keyId } = registration.success
  if (Sidecar.keyOf(state.sidecar, keyId)?.purpose !== "raft") {
    return { _tag: "Registration", outcome: { _tag: "KeyUnknown" } }
  }
  const { outcome, registry } = WriterRegistry.register(state.registry, registration.success)
  state.registry = registry
  return { _tag: "Registration", outcome }
}

function changeMembership(entry: Entry, state: ReplicatedState, groupId: GroupId): AppliedOutcome {
  const change = MembershipChange.decode(entry.data)
  if (change === undefined) throw failed(entry, groupId, "malformed", "a change of the membership")
  const { members, outcome } = Members.apply(state.members, change)
  state.members = members
  return { _tag: "Membership", outcome }
}

function failed(
  { index, term }: Entry,
  groupId: GroupId,
  reason: ApplyFailed["reason"],
  detail: string
): ApplyFailed {
  return new ApplyFailed({ groupId, index, term, reason, detail })
}

/** What is thrown typed stops the node at this entry; anything else is a bug. */
function asApplyFailure(error: unknown, entry: Entry, groupId: GroupId): unknown {
  const tag = error instanceof Error && "_tag" in error ? error._tag : undefined
  if (!(error instanceof Error)) return error
  switch (tag) {
    case "Malformed":
      return failed(entry, groupId, "malformed", error.message)
    case "ValueCorrupted":
      return failed(entry, groupId, "valueCorrupted", error.message)
    case "RecordCorrupted":
      return failed(entry, groupId, "recordCorrupted", error.message)
    default:
      return error
  }
}
