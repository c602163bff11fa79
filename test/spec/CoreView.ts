/** What a real node has, in the words of the model; what it is told, in the words of the machine. */
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type * as Machine from "../../src/domain/cutover/CutoverMachine.ts"
import * as RaftEnvelope from "../../src/domain/encryption/RaftEnvelope.ts"
import type { ProposalEvent } from "../../src/domain/engine/PendingProposals.ts"
import type { LogIndex } from "../../src/domain/Ids.ts"
import { invariant } from "../../src/domain/Invariant.ts"
import * as Payload from "../../src/domain/log/Payload.ts"
import * as ProposalEnvelope from "../../src/domain/log/ProposalEnvelope.ts"
import type { Entry } from "../../src/domain/raft/Entry.ts"
import type { ProposeRejection } from "../../src/services/RaftEngine.ts"
import * as Founding from "./CoreFounding.ts"
import type { EntryView } from "./NodeView.ts"

export function programOf(state: Machine.CutoverState): string {
  switch (state._tag) {
    case "Idle":
      return "idle"
    case "Draining":
      return `draining in ${state.term}`
    case "Appending":
      return `marker proposed in ${state.term}`
    case "Appended":
      return `marker appended at ${state.index} in ${state.term}`
  }
}

/** What an entry is, read as a replica that knows its key would. */
export function viewOf({ data, index, kind, term }: Entry): EntryView {
  if (kind === "noop") return { kind: "Noop", term, key: 0, isSealed: false }
  const body = ProposalEnvelope.bodyOf(data)
  invariant(body !== undefined, "a normal entry is a proposal")
  const place = { keys: Founding.keys, groupId: Founding.groupId, term, index }
  const opened = RaftEnvelope.open(place, body)
  const isSealed = Result.isSuccess(opened)
  return { ...kindOf(isSealed ? opened.success : body), term, isSealed }
}

export function kindOf(body: Uint8Array): Pick<EntryView, "kind" | "key"> {
  const payload = Result.getOrThrow(Payload.decode(body))
  switch (payload._tag) {
    case "Requests":
      return { kind: "User", key: 0 }
    case "Rotate":
      return { kind: "Rotation", key: Founding.modelKey(payload.keyId) }
    case "EnableRaftEnvelope":
      return { kind: "Marker", key: Founding.modelKey(payload.raftKeyId) }
    default:
      invariant(false, `no trace brings ${payload._tag}`)
  }
}

export function rejectionOf(result: Exit.Failure<LogIndex, ProposeRejection>): ProposeRejection {
  const failure = Exit.findErrorOption(result)
  invariant(failure._tag === "Some", "a proposal is refused, and does not die")
  return failure.value
}

export function markerEventOf(event: ProposalEvent): Machine.CutoverEvent {
  if (event._tag !== "Applied") return { _tag: "TermLeft" }
  const { outcome, position } = event
  invariant(outcome._tag === "Encryption", "a marker has the outcome of an encryption command")
  return {
    _tag: "MarkerApplied",
    outcome:
      outcome.outcome._tag === "Applied"
        ? { _tag: "CutOver", cutoverIndex: position.index }
        : { _tag: "Stale" }
  }
}
