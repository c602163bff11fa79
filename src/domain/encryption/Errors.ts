/** Why encryption refuses, and what breaks it (SPEC §4–§6, §11–§15, §17). */
import * as Schema from "effect/Schema"

/** Why an envelope does not open (SPEC §5). */
export const EnvelopeReason = Schema.Literals([
  "truncated",
  "badVersion",
  "badFlag",
  "unknownKeyId",
  "tagMismatch"
])
export type EnvelopeReason = typeof EnvelopeReason.Type

/** An envelope does not open. `keyId` is the one in its header; 0 if it has none. */
export class EnvelopeRefused extends Schema.TaggedError<EnvelopeRefused>()("EnvelopeRefused", {
  reason: EnvelopeReason,
  keyId: Schema.Int
}) {
  override get message() {
    return `an envelope under key ${this.keyId} does not open: ${this.reason}`
  }
}

/** A sealed entry does not open; the node stops there and goes on once its keystore is right. */
export class RaftUnwrapFailed extends Schema.TaggedError<RaftUnwrapFailed>()("RaftUnwrapFailed", {
  groupId: Schema.Int,
  index: Schema.Int,
  term: Schema.Int,
  keyId: Schema.Int,
  reason: EnvelopeReason
}) {
  override get message() {
    return `entry ${this.index} of term ${this.term} in group ${this.groupId} does not open under key ${this.keyId} (${this.reason}); restart the node with the right KEK, or restore it from its peers`
  }
}

/** An entry that changes the encryption state cannot be applied here. */
export class EncryptionApplyFailed extends Schema.TaggedError<EncryptionApplyFailed>()(
  "EncryptionApplyFailed",
  {
    groupId: Schema.Int,
    index: Schema.Int,
    term: Schema.Int,
    reason: Schema.String
  }
) {
  override get message() {
    return `entry ${this.index} of term ${this.term} in group ${this.groupId} changes the encryption state and cannot be applied here: ${this.reason}`
  }
}

/** User proposals are held off while the cutover runs, or another cutover is running. */
export class CutoverInFlight extends Schema.TaggedError<CutoverInFlight>()("CutoverInFlight", {}) {
  override get message() {
    return "the cutover to sealed entries is in progress; nothing was proposed, try again in a moment"
  }
}

export class EncryptionNotBootstrapped extends Schema.TaggedError<EncryptionNotBootstrapped>()(
  "EncryptionNotBootstrapped",
  {}
) {
  override get message() {
    return "there is no active raft key yet; run `encryption enable-storage-envelope` first"
  }
}

export class StorageEnvelopeNotEnabled extends Schema.TaggedError<StorageEnvelopeNotEnabled>()(
  "StorageEnvelopeNotEnabled",
  {}
) {
  override get message() {
    return "the storage envelope is not enabled; run `encryption enable-storage-envelope` first"
  }
}

/** Proposals that were on their way did not finish in time; the barrier is open again. */
export class DrainTimedOut extends Schema.TaggedError<DrainTimedOut>()("DrainTimedOut", {
  timeoutMillis: Schema.Int
}) {
  override get message() {
    return `proposals on their way did not finish within ${this.timeoutMillis} ms; nothing has changed, try again`
  }
}

/** The marker may be in the log. The run resolves by itself. */
export class CutoverOutcomeUnknown extends Schema.TaggedError<CutoverOutcomeUnknown>()(
  "CutoverOutcomeUnknown",
  {}
) {
  override get message() {
    return "the cutover was proposed and its outcome is not known yet; it resolves by itself, ask `encryption status`"
  }
}

/** A rotation came between: the marker named a raft key that is no longer active. */
export class RaftDekChanged extends Schema.TaggedError<RaftDekChanged>()("RaftDekChanged", {}) {
  override get message() {
    return "the active raft key changed while the cutover ran, which therefore did nothing; run it again"
  }
}

/** The KEK does not unwrap these DEKs: it is another KEK, or their records are damaged. */
export class KekMismatch extends Schema.TaggedError<KekMismatch>()("KekMismatch", {
  keyIds: Schema.Array(Schema.Int)
}) {
  override get message() {
    return `the KEK does not unwrap key(s) ${this.keyIds.join(", ")}; start the node with the KEK they were wrapped under`
  }
}

/** The KEK cannot be had from its source. `reason` names no key material. */
export class KekUnavailable extends Schema.TaggedError<KekUnavailable>()("KekUnavailable", {
  source: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `the KEK cannot be read from ${this.source}: ${this.reason}`
  }
}

/** The state is encrypted and this node was started without a KEK (SPEC §17). */
export class KekMissing extends Schema.TaggedError<KekMissing>()("KekMissing", {
  keyIds: Schema.Array(Schema.Int)
}) {
  override get message() {
    return `this node holds encrypted state (keys ${this.keyIds.join(", ")}) and has no KEK; start it with --kek-file`
  }
}

/** This directory has been opened too often under this key (SPEC §6). */
export class LocalEpochExhausted extends Schema.TaggedError<LocalEpochExhausted>()(
  "LocalEpochExhausted",
  { keyId: Schema.Int }
) {
  override get message() {
    return `this node has used up its epochs under raft key ${this.keyId}; rotate the raft key from another member`
  }
}

/** An epoch that does not fit in 16 bits, or is 0 where an opening registers itself. */
export class LocalEpochOutOfRange extends Schema.TaggedError<LocalEpochOutOfRange>()(
  "LocalEpochOutOfRange",
  { epoch: Schema.Int }
) {
  override get message() {
    return `epoch ${this.epoch} is outside 0..65535; the sender must not seal with it`
  }
}

/** The registry knows a later opening of this node: its disk was restored or cloned. */
export class LocalEpochRollback extends Schema.TaggedError<LocalEpochRollback>()(
  "LocalEpochRollback",
  { keyId: Schema.Int, epoch: Schema.Int, lastEpoch: Schema.Int }
) {
  override get message() {
    return `epoch ${this.epoch} under key ${this.keyId} was used by another opening (last: ${this.lastEpoch}): this data directory is an old or cloned copy; remove the member and let it return with an empty directory`
  }
}

/** One node that cannot take part, and why. */
export const IncapableNode = Schema.Struct({ node: Schema.String, reason: Schema.String })

export class CapabilityCheckFailed extends Schema.TaggedError<CapabilityCheckFailed>()(
  "CapabilityCheckFailed",
  { nodes: Schema.Array(IncapableNode) }
) {
  override get message() {
    const nodes = this.nodes.map(({ node, reason }) => `${node} (${reason})`).join(", ")
    return `not every member is able to take part in encryption: ${nodes}; nothing was proposed`
  }
}

/** There is no way back to plaintext in place (SPEC §2). */
export class EncryptionDisableUnsupported extends Schema.TaggedError<EncryptionDisableUnsupported>()(
  "EncryptionDisableUnsupported",
  {}
) {
  override get message() {
    return "encryption cannot be switched off in place; export the data and load it into a new cluster"
  }
}
