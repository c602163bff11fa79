/**
 * What one node has done since it was opened, in plain numbers.
 *
 * Whoever does a thing adds one here, in the same turn: an addition costs some nanoseconds, so the
 * paths that run per request and per entry may do it. Reading and exporting is `layers/NodeMetrics`. What
 * must never happen: a key, a value or key bytes in here; a number that goes down.
 * Proof: `test/layers/Metrics.test.ts`.
 */
import type { Step } from "../cutover/CutoverTimings.ts"
import type { EnvelopeReason } from "../encryption/Errors.ts"
import { Histogram } from "./Histogram.ts"

/** What finally became of a user request; each request has one fate. */
export type ProposalFate =
  /** Its result went to its caller, or would have, had the caller waited. */
  | "applied"
  /** Definitely not in the log. */
  | "refused"
  /** Another leader's entry took its place. */
  | "superseded"
  /** The node stopped while it was on its way. */
  | "stopped"
  /** A snapshot took the place of its entry: what became of it is not known here. */
  | "unknown"
  /** Its caller went away before it was in a batch. */
  | "withdrawn"

/** Why a user request was refused: the tags of the rejections. */
export type RefusalReason =
  | "CutoverInFlight"
  | "LeaderNotReady"
  | "NodeStopped"
  | "NotLeader"
  | "SpaceLow"
  | "TooManyProposals"

/** What became of a message of a peer. */
export type ReceivedFate =
  /** The core took it in. */
  | "stepped"
  /** An answer of somebody who is no member. */
  | "unknownPeer"
  /** No correct member can have sent it. */
  | "implausible"
  /** Too much was waiting. */
  | "dropped"

export type EnvelopeKind = "raft" | "storage"

/** How a run of the cutover ended: the tags of `CutoverMachine.CutoverEnd`. */
export type CutoverEndTag =
  | "CallerLeft"
  | "CutOver"
  | "DrainTimedOut"
  | "MarkerRefused"
  | "RaftDekChanged"
  | "TermLeft"

const failureReasons = (): Record<EnvelopeReason, number> => ({
  badFlag: 0,
  badVersion: 0,
  tagMismatch: 0,
  truncated: 0,
  unknownKeyId: 0
})

/** Mutable: one per opening. Every number starts at 0 and is kept in memory only. */
export class Counters {
  /** User requests whose fate is known. */
  readonly proposals: Record<ProposalFate, number> = {
    applied: 0,
    refused: 0,
    superseded: 0,
    stopped: 0,
    unknown: 0,
    withdrawn: 0
  }
  /** Of the refused ones: why. */
  readonly refusals: Record<RefusalReason, number> = {
    CutoverInFlight: 0,
    LeaderNotReady: 0,
    NodeStopped: 0,
    NotLeader: 0,
    SpaceLow: 0,
    TooManyProposals: 0
  }
  /** Callers who stopped waiting; the fate of their requests is counted as well. */
  proposalTimeouts = 0
  /** Requests in each batch that became an entry. */
  readonly batchRequests = new Histogram([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024])
  /** Seconds of each durable write of entries or hard state. */
  readonly logSyncSeconds = new Histogram([
    0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2, 4
  ])
  /** Seconds of applying each run of committed entries. */
  readonly applySeconds = new Histogram([
    0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1
  ])
  /** Normal entries appended as leader, and entries of any kind applied. */
  entriesAppended = 0
  entriesApplied = 0
  /** Envelopes made: of the log at append, of the state at apply. */
  readonly seals: Record<EnvelopeKind, number> = { raft: 0, storage: 0 }
  /** Envelopes opened. */
  readonly opens: Record<EnvelopeKind, number> = { raft: 0, storage: 0 }
  /** Envelopes that did not open. */
  readonly openFailures: Record<EnvelopeKind, Record<EnvelopeReason, number>> = {
    raft: failureReasons(),
    storage: failureReasons()
  }
  /** The counter in the nonces of this opening (SPEC §6): the one used last. */
  nonceWriteCount = 0
  /** Messages of peers. */
  readonly receivedMessages: Record<ReceivedFate, number> = {
    stepped: 0,
    unknownPeer: 0,
    implausible: 0,
    dropped: 0
  }
  /** Times this node has become leader. */
  leadershipsGained = 0
  /** For how long cutovers have held user requests off, in all. */
  barrierClosedSeconds = 0
  /** For how long the steps of the cutovers that have ended took, in all. */
  readonly cutoverStepSeconds: Record<Step, number> = {
    gate: 0,
    registration: 0,
    drain: 0,
    append: 0,
    apply: 0
  }
  /** Runs of the cutover on this node, by their end. */
  readonly cutovers: Record<CutoverEndTag, number> = {
    CallerLeft: 0,
    CutOver: 0,
    DrainTimedOut: 0,
    MarkerRefused: 0,
    RaftDekChanged: 0,
    TermLeft: 0
  }

  /** A user request was refused at admission. */
  refused(reason: RefusalReason): void {
    this.proposals.refused += 1
    this.refusals[reason] += 1
  }

  /** A batch was not appended. Only a node that stopped may have it in its log all the same. */
  notAppended(reason: RefusalReason, count: number): void {
    if (reason === "NodeStopped") {
      this.proposals.stopped += count
      return
    }
    this.proposals.refused += count
    this.refusals[reason] += count
  }
}
