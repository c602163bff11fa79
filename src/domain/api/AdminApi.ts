/** The operator's RPC contract: status and the encryption phases (SPEC §2, §12). */

import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import * as Encryption from "../encryption/Errors.ts"
import { RenouncedReason } from "../engine/Candidacy.ts"
import * as Engine from "../engine/Errors.ts"
import * as Ids from "../Ids.ts"
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
  /** Why this opening will not lead any more; absent while it may. */
  candidacyRenounced: Schema.optionalKey(RenouncedReason)
})
export type NodeStatus = typeof NodeStatus.Type

export const KeyStatus = Schema.Struct({
  id: Ids.KeyId,
  purpose: Schema.Literals(["storage", "raft"]),
  isActive: Schema.Boolean,
  createdIndex: Ids.LogIndex
})

export const EncryptionStatus = Schema.Struct({
  phase: Schema.Literals([0, 1, 2]),
  hasKek: Schema.Boolean,
  keys: Schema.Array(KeyStatus),
  storageEnvelopeIndex: Ids.LogIndex,
  cutoverIndex: Ids.LogIndex,
  isBarrierClosed: Schema.Boolean,
  barrierClosedMillis: Schema.optionalKey(Schema.Finite),
  isWrapFlagSet: Schema.Boolean,
  writerId: Schema.optionalKey(Ids.WriterId),
  localEpoch: Schema.optionalKey(Ids.LocalEpoch)
})

export class AdminApi extends RpcGroup.make(
  Rpc.make("AdminStatus", { success: NodeStatus }),
  Rpc.make("EncryptionStatus", { success: EncryptionStatus }),
  Rpc.make("EnableStorageEnvelope", {
    success: Schema.Struct({ index: Ids.LogIndex, wasAlreadyActive: Schema.Boolean }),
    error: Schema.Union([
      ...proposeFailures,
      Encryption.CapabilityCheckFailed,
      Encryption.KekUnavailable
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
    error: Schema.Union([
      ...rejections,
      Encryption.CapabilityCheckFailed,
      Encryption.EncryptionNotBootstrapped,
      Encryption.StorageEnvelopeNotEnabled,
      Encryption.DrainTimedOut,
      Encryption.RaftDekChanged,
      Encryption.CutoverOutcomeUnknown
    ])
  })
) {}
