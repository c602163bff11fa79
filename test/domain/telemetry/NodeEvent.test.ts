import { describe, expect, it } from "vitest"
import type {
  ClusterId,
  Incarnation,
  KeyId,
  LocalEpoch,
  LogIndex,
  MemberId,
  Term
} from "../../../src/domain/Ids.ts"
import {
  fieldsOf,
  lineOf,
  type NodeEvent,
  type NodeEventTag
} from "../../../src/domain/telemetry/NodeEvent.ts"

const term = 3 as Term
const index = 9 as LogIndex
const space = { freeBytes: 1, freeBytesMin: 2 }

/** One of each; the type refuses a tag that is missing. */
const samples: {
  readonly [Tag in NodeEventTag]: Omit<NodeEvent & { readonly _tag: Tag }, "_tag">
} = {
  Opened: {
    version: "0.1.0",
    clusterId: "00" as ClusterId,
    incarnation: "01" as Incarnation,
    bootCount: 1,
    term,
    firstIndex: 1 as LogIndex,
    lastIndex: index,
    appliedIndex: index,
    phase: 2,
    cutoverIndex: 5 as LogIndex,
    hasKek: true
  },
  LeadershipGained: { term },
  LeadershipLost: { term, leader: 2 as MemberId },
  Registered: { keyId: 7 as KeyId, localEpoch: 1 as LocalEpoch },
  CandidacyRenounced: { reason: "LocalEpochRollback" },
  CandidacyResumed: { keyId: 7 as KeyId },
  PhaseEntered: { phase: 1, index },
  DekRotated: { purpose: "raft", keyId: 7 as KeyId, index },
  DekNotRotated: { keyId: 7 as KeyId, reason: "in words" },
  MembershipChanged: { index, voterCount: 3, learnerCount: 1, isJoint: false },
  SnapshotSent: { peer: 2 as MemberId, index },
  SnapshotNotSent: { peer: 2 as MemberId, reason: "in words" },
  SnapshotInstalled: { index },
  SnapshotNotInstalled: { peer: 2 as MemberId, reason: "in words" },
  Removed: { index },
  CutoverStarted: { term, inFlightCount: 4 },
  CutoverDrained: { afterMillis: 1.5 },
  MarkerAppended: { index, afterMillis: 2.5 },
  CutoverEnded: { end: "CutOver", barrierClosedMillis: 3.5 },
  CutoverRefused: { error: "CutoverInFlight", reason: "in words" },
  LogSyncSlow: { millis: 700, entryCount: 1, unreportedCount: 0 },
  SpaceBelowMark: space,
  SpaceAboveMark: space,
  PeerRefused: {
    peer: 2,
    name: "n2",
    reason: "otherIncarnation",
    detail: "node n2 (member 2) is refused"
  },
  MessageImplausible: { peer: 2 as MemberId, kind: "Heartbeat", problem: "commitBeyondLog" },
  AdmissionWaiting: { detail: "in words" },
  IntroductionRefused: { name: "n2", reason: "otherBootstrapList", detail: "in words" },
  Draining: {},
  Stopping: {},
  Halted: { error: "LogWriteFailure", reason: "in words" }
}

const events = Object.entries(samples).map(([_tag, fields]) => ({ _tag, ...fields }) as NodeEvent)

describe("an event in the log", () => {
  it.each(events)("$_tag has a sentence, its tag, and fields that a machine can read", (event) => {
    const { message } = lineOf(event)
    expect(message).toMatch(/^[a-z]/)
    expect(message).not.toMatch(/\d|\n/)
    const fields = fieldsOf(event)
    expect(fields.event).toBe(event._tag)
    for (const [name, value] of Object.entries(fields)) {
      expect(["string", "number", "boolean"], name).toContain(typeof value)
      // Those are labels of the log formats themselves.
      expect(["message", "level", "timestamp", "fiber", "node", "group"]).not.toContain(name)
    }
  })

  it("leaves out what is not known", () => {
    expect(fieldsOf({ _tag: "LeadershipLost", term, leader: undefined })).toEqual({
      event: "LeadershipLost",
      term
    })
  })

  it("is an error where somebody must act, a warning where somebody should look", () => {
    const bySeverity = (severity: string) =>
      events.filter((event) => lineOf(event).severity === severity).map(({ _tag }) => _tag)
    expect(bySeverity("Error")).toEqual([
      "CandidacyRenounced",
      "DekNotRotated",
      "SpaceBelowMark",
      "MessageImplausible",
      "Halted"
    ])
    expect(bySeverity("Warn")).toEqual([
      "LeadershipLost",
      "SnapshotNotSent",
      "SnapshotNotInstalled",
      "Removed",
      "CutoverRefused",
      "LogSyncSlow",
      "PeerRefused",
      "IntroductionRefused"
    ])
    const unknown = { _tag: "CutoverEnded", end: "TermLeft", barrierClosedMillis: 1 } as const
    expect(lineOf(unknown).severity).toBe("Warn")
  })
})
