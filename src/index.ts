/**
 * Sealog for those who embed it: everything a program may import, and nothing else is public.
 *
 * Bring a {@link StateMachine} and a {@link KekProvider}, compose `Sealog.layer`, and build your own
 * service on {@link Replica}; `Sealog.layerMemory` is the same node for your tests. Or take
 * `Sealog.layerKv` and use {@link KvStore}. A worked example is `examples/embedded`.
 * Proof: `test/examples/`, `test/package/Package.test.ts`.
 */

// ── The node ─────────────────────────────────────────────────────────────────────────────────────

/** The disk of a node in memory: crash it, fault it, open it again. */
export { type JournalRecord, MemoryDisk } from "./layers/MemoryDisk.ts"
/** The bounds and time-outs a node has unless it is told otherwise. */
export { defaults as defaultSettings } from "./layers/NodeConfigLive.ts"
/** `layer`, `layerKv` and their memory twins; what they need, provide and fail with. */
export * as Sealog from "./layers/Sealog.ts"
export type { NodeSettings } from "./services/NodeConfig.ts"

// ── What you call ────────────────────────────────────────────────────────────────────────────────

/** The key-value store, of the layers with `Kv` in their name, and what is asked of it. */
export type { TxnDone as KvTxnDone } from "./domain/kv/Result.ts"
export type { Span as KvSpan } from "./domain/kv/Span.ts"
export type { Compare as KvCompare, Operation as KvOperation } from "./domain/kv/Txn.ts"
/** Phase 1 → 2, live, at one exact index of the log. */
export { Cutover, type CutoverDone, type CutoverFailure } from "./services/Cutover.ts"
/** Phase 0 → 1, the rotation of DEKs, and the status of encryption. */
export {
  type DekRotated,
  EncryptionAdmin,
  type EncryptionStatus,
  type RotateFailure,
  type RotateRequest,
  type StorageEnvelopeEnabled
} from "./services/EncryptionAdmin.ts"
export {
  type KvReadFailure,
  KvStore,
  type RangeOptions as KvRangeOptions,
  type RangePage as KvRangePage,
  type TxnOptions as KvTxnOptions
} from "./services/KvStore.ts"
/** Who this node is, its role, and how far it is. */
export { NodeStatus } from "./services/NodeStatus.ts"
/** Proposes requests to your state machine, and reads it. */
export { Replica, type ReplicaReadFailure, type ReplicaWriteFailure } from "./services/Replica.ts"

// ── What you bring ───────────────────────────────────────────────────────────────────────────────

export { KeyEncryptionKey, type KeyPurpose } from "./domain/encryption/DataKey.ts"
/** The replicated store as a state machine sees it: plain values, with revisions. */
export type {
  KeyedValue,
  KeyRevisions,
  RangePage,
  RangeQuery,
  StoredValue,
  ValueReader,
  ValueStore
} from "./domain/machine/ValueStore.ts"
/** An environment variable in base64, for tests and CI. */
export * as KekProviderEnvironment from "./layers/KekProviderEnvironment.ts"
/** A file of 32 bytes that only its owner may read. */
export * as KekProviderFile from "./layers/KekProviderFile.ts"
/** 32 bytes in memory, for tests. */
export * as KekProviderMemory from "./layers/KekProviderMemory.ts"
/** No key: plaintext only. */
export * as KekProviderNone from "./layers/KekProviderNone.ts"
/** Random bytes; swapped to make a test repeat itself exactly. */
export { Csprng } from "./services/Csprng.ts"
/** Where the key-encryption key comes from; write one for your KMS with these two. */
export { KekProvider } from "./services/KekProvider.ts"
/** What requests mean: your own code, on every replica alike. */
export { StateMachine } from "./services/StateMachine.ts"

// ── Identifiers ──────────────────────────────────────────────────────────────────────────────────

/** A schema each: `NodeName.make("ledger-1")`. Numbers of 64 bits are exact numbers. */
export {
  ClusterId,
  GroupId,
  Incarnation,
  KeyId,
  LocalEpoch,
  LogIndex,
  MemberId,
  NodeName,
  Revision,
  Term,
  WriterId
} from "./domain/Ids.ts"
/** Names a client session and its writes: 32 hex digits that you draw, and a counter. */
export { SessionId, type SessionSequence } from "./domain/log/Request.ts"

// ── Why it did not work: rejections, after which you can act ─────────────────────────────────────

/** Of sessions, by which a repeated write is applied once. */
export type { SessionRefusal } from "./domain/apply/Outcome.ts"
/** Of the encryption administration, and of keys. */
export {
  CapabilityCheckFailed,
  CutoverInFlight,
  CutoverOutcomeUnknown,
  DekUnknown,
  DrainTimedOut,
  EncryptionNotBootstrapped,
  KekMismatch,
  KekUnavailable,
  RaftDekChanged,
  RotationOutcomeUnknown,
  StorageEnvelopeNotEnabled,
  TooManyDeks
} from "./domain/encryption/Errors.ts"
/** Of proposals and reads. `ProposalTimedOut`, `NodeStopped` and `LeaderLost` leave the outcome open. */
export {
  LeaderLost,
  LeaderNotReady,
  NodeStopped,
  NotLeader,
  ProposalSuperseded,
  ProposalTimedOut,
  SpaceLow,
  TooManyProposals
} from "./domain/engine/Errors.ts"
/** Of what is asked of the store; nothing was proposed. */
export {
  KeyEmpty,
  type KeyRefusal,
  KeyRepeated,
  KeyTooLarge,
  type PutRefusal,
  RangeLimitOutOfRange,
  type RangeRefusal,
  RequestTooLarge,
  RevisionOutOfRange,
  TooManyOperations,
  TxnReadTooLarge,
  type TxnRefusal,
  ValueCorrupted,
  ValueTooLarge
} from "./domain/kv/Errors.ts"
export { MembershipChangeInProgress } from "./domain/members/Errors.ts"
export {
  SequenceForgotten,
  SequenceOutOfRange,
  SessionUnknown,
  TooManySessions
} from "./domain/session/Errors.ts"
export type { ProposeFailure } from "./services/Coordinator.ts"
export type { ProposeRejection, ReadRejection } from "./services/RaftEngine.ts"

// ── Why it stopped or did not start ──────────────────────────────────────────────────────────────

export { ListenFailure } from "./domain/api/Errors.ts"
export { ApplyFailed, type ApplyFailure } from "./domain/apply/Errors.ts"
/** For your own decoders: thrown by a state machine it halts the node, typed, at that entry. */
export { Malformed } from "./domain/bytes/Errors.ts"
export {
  EncryptionApplyFailed,
  EnvelopeCutoverDivergence,
  RaftUnwrapFailed,
  SealedStateNotEnabled,
  SidecarInconsistent,
  SidecarOfAnotherCommit
} from "./domain/encryption/Errors.ts"
export { LogCorrupted, LogWriteFailure, RecordCorrupted } from "./domain/log/Errors.ts"
export { AdmissionRefused } from "./domain/peer/Errors.ts"
export {
  AppliedIndexOutsideLog,
  DataDirectoryFailure,
  DataDirectoryLocked,
  DirectoryOfAnotherCluster,
  DirectoryOfAnotherNode,
  DiskFullFailure,
  FileSystemNotDurable,
  FormatVersionUnknown,
  StateWriteFailure
} from "./domain/state/Errors.ts"
/** Everything that halts a node; what `Replica.stopped` fails with. */
export type { EngineFailure } from "./services/EngineFailure.ts"
