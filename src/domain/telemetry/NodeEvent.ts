/**
 * What an operator wants to read in the log of a node: each thing once, when it happens.
 *
 * The fields are numbers, literals and the messages of typed errors, so a log line has no room for a
 * key or a value. What must never happen: an event per request or per entry.
 * Proof: `test/domain/telemetry/NodeEvent.test.ts`, `test/layers/Secrecy.test.ts`.
 */
import type { KeyPurpose } from "../encryption/DataKey.ts"
import type { RenouncedReason } from "../engine/Candidacy.ts"
import type { ClusterId, Incarnation, KeyId, LocalEpoch, LogIndex, MemberId, Term } from "../Ids.ts"
import type { Message } from "../raft/Message.ts"
import type { Implausible } from "../raft/Plausibility.ts"
import type { CutoverEndTag } from "./Counters.ts"

export type NodeEvent =
  /** Every guard of the node has passed; its loop begins. */
  | {
      readonly _tag: "Opened"
      readonly version: string
      readonly clusterId: ClusterId
      readonly incarnation: Incarnation
      readonly bootCount: number
      readonly term: Term
      readonly firstIndex: LogIndex
      readonly lastIndex: LogIndex
      readonly appliedIndex: LogIndex
      readonly phase: 0 | 1 | 2
      readonly cutoverIndex: LogIndex
      readonly hasKek: boolean
    }
  | { readonly _tag: "LeadershipGained"; readonly term: Term }
  | {
      readonly _tag: "LeadershipLost"
      /** The one that was led. */
      readonly term: Term
      readonly leader: MemberId | undefined
    }
  /** This opening may seal under that raft DEK. */
  | { readonly _tag: "Registered"; readonly keyId: KeyId; readonly localEpoch: LocalEpoch }
  | { readonly _tag: "CandidacyRenounced"; readonly reason: RenouncedReason }
  | { readonly _tag: "CandidacyResumed"; readonly keyId: KeyId }
  | { readonly _tag: "PhaseEntered"; readonly phase: 1 | 2; readonly index: LogIndex }
  /** Another DEK is the active one of its purpose; applied here. */
  | {
      readonly _tag: "DekRotated"
      readonly purpose: KeyPurpose
      readonly keyId: KeyId
      readonly index: LogIndex
    }
  /** By this leader itself, for which it was time. */
  | { readonly _tag: "DekNotRotated"; readonly keyId: KeyId; readonly reason: string }
  /** A change of the membership is applied here. */
  | {
      readonly _tag: "MembershipChanged"
      readonly index: LogIndex
      readonly voterCount: number
      readonly learnerCount: number
      /** Both the old and the new voters decide until a second change. */
      readonly isJoint: boolean
    }
  /** A member that was too far behind has been sent the state. */
  | { readonly _tag: "SnapshotSent"; readonly peer: MemberId; readonly index: LogIndex }
  | { readonly _tag: "SnapshotNotSent"; readonly peer: MemberId; readonly reason: string }
  /** It is the state of this node now. */
  | { readonly _tag: "SnapshotInstalled"; readonly index: LogIndex }
  | { readonly _tag: "SnapshotNotInstalled"; readonly peer: MemberId; readonly reason: string }
  /** This node is no member any more. */
  | { readonly _tag: "Removed"; readonly index: LogIndex }
  /** The barrier is closed to user requests. */
  | { readonly _tag: "CutoverStarted"; readonly term: Term; readonly inFlightCount: number }
  | { readonly _tag: "CutoverDrained"; readonly afterMillis: number }
  | {
      readonly _tag: "MarkerAppended"
      readonly index: LogIndex
      readonly afterMillis: number
    }
  /** The barrier opens again. */
  | {
      readonly _tag: "CutoverEnded"
      readonly end: CutoverEndTag
      readonly barrierClosedMillis: number
    }
  /** Asked for, and refused before anything happened. */
  | { readonly _tag: "CutoverRefused"; readonly error: string; readonly reason: string }
  /** A write to the log took longer than it should. */
  | {
      readonly _tag: "LogSyncSlow"
      readonly millis: number
      readonly entryCount: number
      /** Slow writes since the last report that were not reported. */
      readonly unreportedCount: number
    }
  | { readonly _tag: "SpaceBelowMark"; readonly freeBytes: number; readonly freeBytesMin: number }
  | { readonly _tag: "SpaceAboveMark"; readonly freeBytes: number; readonly freeBytesMin: number }
  /** By either side; once for each new reason. */
  | {
      readonly _tag: "PeerRefused"
      readonly peer: number
      readonly name: string
      readonly reason: string
      readonly detail: string
    }
  /** A message that no correct member can have sent; once for each member and problem. */
  | {
      readonly _tag: "MessageImplausible"
      readonly peer: MemberId
      readonly kind: Message["_tag"]
      readonly problem: Implausible
    }
  /** Not yet a member of a cluster; once for each change of what it waits for. */
  | { readonly _tag: "AdmissionWaiting"; readonly detail: string }
  /** By either side, before there is a cluster; once for each reason. */
  | {
      readonly _tag: "IntroductionRefused"
      readonly name: string
      readonly reason: string
      readonly detail: string
    }
  /** Told to stop: no new request is begun, those begun may finish. */
  | { readonly _tag: "Draining" }
  /** In good order. */
  | { readonly _tag: "Stopping" }
  /** For good: nothing is applied or answered any more. */
  | { readonly _tag: "Halted"; readonly error: string; readonly reason: string }

export type NodeEventTag = NodeEvent["_tag"]

export type Severity = "Info" | "Warn" | "Error"

/** One line of the log without its fields. */
export interface Line {
  readonly severity: Severity
  readonly message: string
}

const lines: Record<NodeEventTag, Line> = {
  Opened: { severity: "Info", message: "node opened" },
  LeadershipGained: { severity: "Info", message: "became leader" },
  LeadershipLost: { severity: "Warn", message: "ceased to lead" },
  Registered: { severity: "Info", message: "registered as a writer of the raft DEK" },
  CandidacyRenounced: {
    severity: "Error",
    message: "this node does not lead: it cannot register as a writer"
  },
  CandidacyResumed: { severity: "Info", message: "may lead again: another raft DEK is active" },
  PhaseEntered: { severity: "Info", message: "entered an encryption phase" },
  DekRotated: { severity: "Info", message: "another data key is the active one" },
  DekNotRotated: {
    severity: "Error",
    message:
      "the epochs under the raft key run out, and no other key could be drawn; see to the KEK"
  },
  MembershipChanged: { severity: "Info", message: "the membership has changed" },
  SnapshotSent: { severity: "Info", message: "a member was sent a snapshot" },
  SnapshotNotSent: {
    severity: "Warn",
    message: "a snapshot did not get through to a member; it is sent again"
  },
  SnapshotInstalled: { severity: "Info", message: "a snapshot has replaced log and state" },
  SnapshotNotInstalled: {
    severity: "Warn",
    message: "a snapshot that was sent here is not installed; another one will come"
  },
  Removed: {
    severity: "Warn",
    message: "this node was removed from the cluster; it takes part in nothing, stop it"
  },
  CutoverStarted: { severity: "Info", message: "cutover: barrier closed" },
  CutoverDrained: { severity: "Info", message: "cutover: drained" },
  MarkerAppended: { severity: "Info", message: "cutover: marker appended" },
  CutoverEnded: { severity: "Info", message: "cutover: ended, the barrier opens" },
  CutoverRefused: { severity: "Warn", message: "cutover refused" },
  LogSyncSlow: { severity: "Warn", message: "a write to the log was slow; check the disk" },
  SpaceBelowMark: { severity: "Error", message: "free space is low: writes are refused" },
  SpaceAboveMark: { severity: "Info", message: "free space is enough again" },
  PeerRefused: { severity: "Warn", message: "this node and a peer do not talk to each other" },
  MessageImplausible: {
    severity: "Error",
    message: "a message that no correct member can have sent is dropped; see to that member"
  },
  AdmissionWaiting: { severity: "Info", message: "waiting to become a member of a cluster" },
  IntroductionRefused: {
    severity: "Warn",
    message: "a node that introduced itself is not taken in"
  },
  Draining: { severity: "Info", message: "told to stop: requests that have begun may finish" },
  Stopping: { severity: "Info", message: "node is stopping" },
  Halted: { severity: "Error", message: "node halted" }
}

export const eventTags = Object.keys(lines) as ReadonlyArray<NodeEventTag>

/** What the log says of an event; its fields follow as annotations. */
export function lineOf(event: NodeEvent): Line {
  const line = lines[event._tag]
  const isFailedCutover = event._tag === "CutoverEnded" && event.end !== "CutOver"
  return isFailedCutover ? { ...line, severity: "Warn" } : line
}

/** The fields under the names they have in the log; what is not known is left out. */
export const fieldsOf = ({ _tag, ...fields }: NodeEvent): Readonly<Record<string, unknown>> => ({
  event: _tag,
  ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
})
