/** The operator's RPC contract: status and the encryption phases (SPEC §2, §12). */

import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import { CapabilityReason } from "../capability/Reason.ts"
import * as Encryption from "../encryption/Errors.ts"
import { RenouncedReason } from "../engine/Candidacy.ts"
import * as Engine from "../engine/Errors.ts"
import * as Ids from "../Ids.ts"
import { MembershipChangeInProgress } from "../members/Errors.ts"
import { proposeFailures, rejections } from "./ProposeFailures.ts"

export const NodeStatus = Schema.Struct({
  nodeName: Ids.NodeName,
  memberId: Ids.MemberId,
  incarnation: Ids.Incarnation,
  clusterId: Ids.ClusterId,
  bootCount: Schema.Int,
  role: Schema.Literals(["Follower", "PreCandidate", "Candidate", "Leader"]),
  term: Ids.Term,
  leader: Schema.optionalKey(Ids.MemberId),
  lastIndex: Ids.LogIndex,
  commitIndex: Ids.LogIndex,
  appliedIndex: Ids.LogIndex,
  revision: Ids.Revision,
  phase: Schema.Literals([0, 1, 2]),
  /** Why this node does not campaign; absent if it may. */
  candidacyRenounced: Schema.optionalKey(RenouncedReason)
})
export type NodeStatus = typeof NodeStatus.Type

export const KeyStatus = Schema.Struct({
  id: Ids.KeyId,
  purpose: Schema.Literals(["storage", "raft"]),
  isActive: Schema.Boolean,
  createdIndex: Ids.LogIndex,
  /** Entries applied since: the replicated state has no clock. */
  ageEntries: Schema.Int
})

/** The last cutover that a node has run since it was opened, or the one that it runs. */
export const LastCutover = Schema.Struct({
  term: Ids.Term,
  /** Of each step that is over; of a run that went wrong, its last one until then. */
  stepMillis: Schema.Struct({
    gate: Schema.Finite,
    registration: Schema.Finite,
    drain: Schema.optionalKey(Schema.Finite),
    append: Schema.optionalKey(Schema.Finite),
    apply: Schema.optionalKey(Schema.Finite)
  }),
  /** Absent while it runs. */
  ended: Schema.optionalKey(
    Schema.Struct({
      end: Schema.Literals([
        "CallerLeft",
        "CutOver",
        "DrainTimedOut",
        "MarkerRefused",
        "RaftDekChanged",
        "TermLeft"
      ]),
      barrierClosedMillis: Schema.Finite
    })
  )
})

/** Of one node. What is replicated is as it has applied it. */
export const EncryptionStatus = Schema.Struct({
  nodeName: Ids.NodeName,
  memberId: Ids.MemberId,
  incarnation: Ids.Incarnation,
  appliedIndex: Ids.LogIndex,
  phase: Schema.Literals([0, 1, 2]),
  hasKek: Schema.Boolean,
  keys: Schema.Array(KeyStatus),
  /** 0 = not enabled. */
  storageEnvelopeIndex: Ids.LogIndex,
  /** 0 = not cut over. */
  cutoverIndex: Ids.LogIndex,
  isBarrierClosed: Schema.Boolean,
  /** Of the last time it was closed, in this opening. */
  barrierClosedMillis: Schema.optionalKey(Schema.Finite),
  isWrapFlagSet: Schema.Boolean,
  /** This incarnation as a writer. */
  writerId: Schema.optionalKey(Ids.WriterId),
  /** What this opening has taken under the active raft DEK: once it has led. */
  localEpoch: Schema.optionalKey(Ids.LocalEpoch),
  /** The newest that the registry has of this writer under the active raft DEK. */
  registeredEpoch: Schema.optionalKey(Ids.LocalEpoch),
  lastCutover: Schema.optionalKey(LastCutover)
})
export type EncryptionStatus = typeof EncryptionStatus.Type

/** A member, and its own status; else why there is none. */
export const SurveyedNode = Schema.Struct({
  id: Ids.MemberId,
  nodeName: Ids.NodeName,
  role: Schema.Literals(["voter", "learner"]),
  isLeader: Schema.Boolean,
  /** `HOST:PORT` for clients, if the node that was asked knows it. */
  endpoint: Schema.optionalKey(Schema.String),
  status: Schema.optionalKey(EncryptionStatus),
  unanswered: Schema.optionalKey(
    Schema.Struct({
      reason: Schema.Literals([
        "ConnectionLost",
        "EndpointUnknown",
        "EndpointUnreachable",
        "OtherNode",
        "RequestDied",
        "TimedOut"
      ]),
      message: Schema.String
    })
  )
})
export type SurveyedNode = typeof SurveyedNode.Type

/** What a cutover would have met: every member, and why it could not take part, if so. */
export const CutoverRehearsal = Schema.Struct({
  /** Of a cutover that has happened already. */
  cutoverIndex: Schema.optionalKey(Ids.LogIndex),
  nodes: Schema.Array(
    Schema.Struct({
      nodeName: Ids.NodeName,
      softwareVersion: Schema.optionalKey(Schema.String),
      reason: Schema.optionalKey(CapabilityReason)
    })
  )
})

const CutoverFailure = Schema.Union([
  ...rejections,
  MembershipChangeInProgress,
  Encryption.CapabilityCheckFailed,
  Encryption.EncryptionNotBootstrapped,
  Encryption.StorageEnvelopeNotEnabled,
  Encryption.DrainTimedOut,
  Encryption.RaftDekChanged,
  Encryption.CutoverOutcomeUnknown
])

export class AdminApi extends RpcGroup.make(
  Rpc.make("AdminStatus", { success: NodeStatus }),
  /** Of the node that is asked. */
  Rpc.make("EncryptionStatus", { success: EncryptionStatus }),
  /** Of every member that it knows; it asks the others. */
  Rpc.make("EncryptionSurvey", { success: Schema.Array(SurveyedNode) }),
  Rpc.make("EnableStorageEnvelope", {
    success: Schema.Struct({ index: Ids.LogIndex, wasAlreadyActive: Schema.Boolean }),
    error: Schema.Union([
      ...proposeFailures,
      Encryption.CapabilityCheckFailed,
      Encryption.KekUnavailable,
      MembershipChangeInProgress
    ])
  }),
  Rpc.make("RotateDek", {
    payload: {
      purpose: Schema.Literals(["storage", "raft"]),
      replaces: Schema.optionalKey(Ids.KeyId)
    },
    success: Schema.Struct({
      keyId: Ids.KeyId,
      replacedKeyId: Ids.KeyId,
      index: Ids.LogIndex,
      wasAlreadyRotated: Schema.Boolean
    }),
    error: Schema.Union([
      ...rejections,
      Engine.ProposalSuperseded,
      Encryption.DekUnknown,
      Encryption.EncryptionNotBootstrapped,
      Encryption.KekUnavailable,
      Encryption.RotationOutcomeUnknown,
      Encryption.TooManyDeks
    ])
  }),
  Rpc.make("EnableRaftEnvelope", {
    success: Schema.Struct({
      cutoverIndex: Ids.LogIndex,
      wasAlreadyActive: Schema.Boolean,
      barrierClosedMillis: Schema.Finite
    }),
    error: CutoverFailure
  }),
  /** Proposes nothing. */
  Rpc.make("CutoverDryRun", { success: CutoverRehearsal, error: CutoverFailure })
) {}
