/**
 * Why encryption refuses, fails or stops a node (SPEC §5, §11–§17).
 *
 * All of it crosses RPC, so fields are numbers, names and literals; no key bytes, no user bytes.
 */
import * as Schema from "effect/Schema"
import { CapabilityReason, sentenceOf } from "../capability/Reason.ts"
import { NodeName } from "../Ids.ts"

/**
 * Why something sealed does not open (SPEC §5).
 *
 * - `truncated`: shorter than an envelope can be. `badVersion`, `badFlag`: not of this release.
 * - `unknownKeyId`: no DEK of that id and of the purpose asked for is in the keystore.
 * - `tagMismatch`: other key bytes, other place, or changed bytes; which of them cannot be told.
 */
export const EnvelopeReason = Schema.Literals([
  "truncated",
  "badVersion",
  "badFlag",
  "unknownKeyId",
  "tagMismatch"
])
export type EnvelopeReason = typeof EnvelopeReason.Type

const reasonInWords: Record<EnvelopeReason, string> = {
  truncated: "it is too short",
  badVersion: "its version is unknown; upgrade this node",
  badFlag: "it has a flag this release does not know; upgrade this node",
  unknownKeyId: "this node does not hold that key; start it with the KEK that unwraps it",
  tagMismatch: "it was changed, moved, or sealed under another key; restore it from a peer"
}

/** An envelope that is not part of the log does not open. `keyId` is 0 if there are no 6 bytes. */
export class EnvelopeRefused extends Schema.TaggedError<EnvelopeRefused>()("EnvelopeRefused", {
  envelope: Schema.Literals(["storage", "wrappedDek"]),
  keyId: Schema.Int,
  reason: EnvelopeReason
}) {
  override get message() {
    return `a ${this.envelope} envelope under key ${this.keyId} does not open (${this.reason}): ${reasonInWords[this.reason]}`
  }
}

/** A committed entry above the cutover index does not open; the node halts there (SPEC §11). */
export class RaftUnwrapFailed extends Schema.TaggedError<RaftUnwrapFailed>()("RaftUnwrapFailed", {
  groupId: Schema.Int,
  index: Schema.Int,
  term: Schema.Int,
  keyId: Schema.Int,
  reason: EnvelopeReason
}) {
  override get message() {
    return `entry ${this.index} of term ${this.term} in group ${this.groupId} does not open under key ${this.keyId} (${this.reason}): ${reasonInWords[this.reason]}; the node replays this entry when it is started again`
  }
}

/** An encryption command cannot be applied here; the node halts there (SPEC §11). */
export class EncryptionApplyFailed extends Schema.TaggedError<EncryptionApplyFailed>()(
  "EncryptionApplyFailed",
  { groupId: Schema.Int, index: Schema.Int, term: Schema.Int, reason: Schema.String }
) {
  override get message() {
    return `the encryption command at index ${this.index} of term ${this.term} in group ${this.groupId} cannot be applied here: ${this.reason}; mend that and start the node again, it replays this entry`
  }
}

/** The sidecar contradicts itself (SPEC §17). `keyId` is the key concerned, 0 if it is none. */
export class SidecarInconsistent extends Schema.TaggedError<SidecarInconsistent>()(
  "SidecarInconsistent",
  {
    reason: Schema.Literals([
      "activeKeyMissing",
      "activeKeyOfWrongPurpose",
      "storageEnvelopeWithoutKey",
      "cutoverWithoutKey",
      "cutoverBeforeStorageEnvelope"
    ]),
    keyId: Schema.Int
  }
) {
  override get message() {
    return `the replicated encryption state of this node contradicts itself (${this.reason}, key ${this.keyId}); restore the node from its peers, or from a backup`
  }
}

/** The sidecar was not written with the applied index beside it (SPEC §17). */
export class SidecarOfAnotherCommit extends Schema.TaggedError<SidecarOfAnotherCommit>()(
  "SidecarOfAnotherCommit",
  { appliedIndex: Schema.Int }
) {
  override get message() {
    return `the replicated encryption state of this node is not the one of its applied index ${this.appliedIndex}; restore \`state\` as a whole, or the node from its peers`
  }
}

/** What only an enabled encryption makes lies beside a sidecar that says it never was (SPEC §17). */
export class SealedStateNotEnabled extends Schema.TaggedError<SealedStateNotEnabled>()(
  "SealedStateNotEnabled",
  { found: Schema.Literals(["value", "writer"]), appliedIndex: Schema.Int }
) {
  override get message() {
    const what = { value: "a sealed value", writer: "a writer of sealed entries" }[this.found]
    return `the state at ${this.appliedIndex} holds ${what}, and its encryption state says that encryption was never enabled; restore the node from its peers, or from a backup`
  }
}

// ── Cutover (SPEC §10, §12) ──────────────────────────────────────────────────────────────────────

/** User writes are held off while the cutover is under way, or a second one was asked for. */
export class CutoverInFlight extends Schema.TaggedError<CutoverInFlight>()("CutoverInFlight", {}) {
  override get message() {
    return "the cluster is switching its log to ciphertext; nothing was proposed, try again in a moment"
  }
}

/** There is no active raft DEK to cut over to. */
export class EncryptionNotBootstrapped extends Schema.TaggedError<EncryptionNotBootstrapped>()(
  "EncryptionNotBootstrapped",
  {}
) {
  override get message() {
    return "the cluster has no data-encryption keys yet; run enable-storage-envelope first, it creates them"
  }
}

/** The cluster is in phase 0; a cutover needs phase 1. */
export class StorageEnvelopeNotEnabled extends Schema.TaggedError<StorageEnvelopeNotEnabled>()(
  "StorageEnvelopeNotEnabled",
  {}
) {
  override get message() {
    return "values are not sealed yet; run enable-storage-envelope before enable-raft-envelope"
  }
}

/** User proposals did not finish in time; the barrier is open again and nothing has happened. */
export class DrainTimedOut extends Schema.TaggedError<DrainTimedOut>()("DrainTimedOut", {
  timeoutMillis: Schema.Int
}) {
  override get message() {
    return `writes in flight did not finish within ${this.timeoutMillis} ms; nothing has changed, try again when writes finish in time`
  }
}

/** The marker may be in the log, and resolves without anybody's help (SPEC §12). */
export class CutoverOutcomeUnknown extends Schema.TaggedError<CutoverOutcomeUnknown>()(
  "CutoverOutcomeUnknown",
  {}
) {
  override get message() {
    return "the cutover may still happen; ask for the encryption status, or run enable-raft-envelope again: it reports a cutover that has happened"
  }
}

/** The marker was applied and named a raft DEK that had been rotated away: nothing changed. */
export class RaftDekChanged extends Schema.TaggedError<RaftDekChanged>()("RaftDekChanged", {}) {
  override get message() {
    return "the raft key was rotated while the cutover was under way; nothing has changed, run enable-raft-envelope again"
  }
}

/** There is no such DEK to replace. */
export class DekUnknown extends Schema.TaggedError<DekUnknown>()("DekUnknown", {
  purpose: Schema.Literals(["storage", "raft"]),
  keyId: Schema.Int
}) {
  override get message() {
    return `the cluster has no ${this.purpose} key ${this.keyId}; see \`sealog encryption status\` for the keys it has`
  }
}

/** As many DEKs as the replicated encryption state may hold. */
export class TooManyDeks extends Schema.TaggedError<TooManyDeks>()("TooManyDeks", {
  countMax: Schema.Int
}) {
  override get message() {
    return `the cluster has ${this.countMax} data keys, and none can be added; export the data and load it into a new cluster`
  }
}

/** The rotation was proposed, and the wait or the node ended before it was resolved (SPEC §18). */
export class RotationOutcomeUnknown extends Schema.TaggedError<RotationOutcomeUnknown>()(
  "RotationOutcomeUnknown",
  { purpose: Schema.Literals(["storage", "raft"]), replaces: Schema.Int, cause: Schema.String }
) {
  override get message() {
    return `the ${this.purpose} key ${this.replaces} may or may not be rotated (${this.cause}); run rotate-dek --purpose ${this.purpose} --replaces ${this.replaces}: it rotates that key only if it is active still`
  }
}

/** Encryption has no way back (SPEC §2). */
export class EncryptionDisableUnsupported extends Schema.TaggedError<EncryptionDisableUnsupported>()(
  "EncryptionDisableUnsupported",
  {}
) {
  override get message() {
    return "encryption cannot be turned off; write the data out with `sealog kv export` and load it into a new cluster with `sealog kv import`"
  }
}

// ── Keys (SPEC §4) ───────────────────────────────────────────────────────────────────────────────

/** The KEK in use does not unwrap these DEKs. */
export class KekMismatch extends Schema.TaggedError<KekMismatch>()("KekMismatch", {
  keyIds: Schema.Array(Schema.Int)
}) {
  override get message() {
    return `the key-encryption key does not unwrap data keys ${this.keyIds.join(", ")}; start the node with the KEK they were wrapped under`
  }
}

/** There is no usable KEK. `source` says where it was looked for; it names no key. */
export class KekUnavailable extends Schema.TaggedError<KekUnavailable>()("KekUnavailable", {
  source: Schema.String,
  reason: Schema.Literals([
    "notConfigured",
    "missing",
    "unreadable",
    "unreachable",
    "tooOpen",
    "wrongSize",
    "notBase64"
  ])
}) {
  override get message() {
    const cure = {
      notConfigured: "configure a KEK source and start the node again",
      missing: "put the KEK there and start the node again",
      unreadable: "let the node's user read it and start the node again",
      unreachable: "see that the key service answers and start the node again",
      tooOpen:
        "it can be read by others; give it mode 0600, and if it was read, export the data and load it into a new cluster with another KEK",
      wrongSize: "a KEK has exactly 32 bytes",
      notBase64: "write the 32 bytes as base64"
    }
    return `no key-encryption key from ${this.source} (${this.reason}): ${cure[this.reason]}`
  }
}

// ── Writers and epochs (SPEC §6) ─────────────────────────────────────────────────────────────────

/** All 65535 openings of this node under this DEK are used: it follows, and does not campaign. */
export class LocalEpochExhausted extends Schema.TaggedError<LocalEpochExhausted>()(
  "LocalEpochExhausted",
  { keyId: Schema.Int }
) {
  override get message() {
    return `this node has used all its epochs under raft key ${this.keyId} and does not campaign; rotate the raft key`
  }
}

// ── Membership, gate and start-up (SPEC §14, §15, §17) ───────────────────────────────────────────

/** Some node cannot take part, or did not answer in time; nothing was proposed. */
export class CapabilityCheckFailed extends Schema.TaggedError<CapabilityCheckFailed>()(
  "CapabilityCheckFailed",
  { nodes: Schema.Array(Schema.Struct({ nodeName: NodeName, reason: CapabilityReason })) }
) {
  override get message() {
    const each = this.nodes
      .map(({ nodeName, reason }) => `${nodeName}: ${sentenceOf(reason)}`)
      .join("; ")
    return `not every node can take part, nothing was proposed (${each}); mend these nodes and try again`
  }
}

/** The newest snapshot and the sidecar do not tell one story of the cutover (SPEC §17). */
export class EnvelopeCutoverDivergence extends Schema.TaggedError<EnvelopeCutoverDivergence>()(
  "EnvelopeCutoverDivergence",
  {
    snapshotIndex: Schema.Int,
    snapshotCutover: Schema.Int,
    sidecarCutover: Schema.Int,
    appliedIndex: Schema.Int
  }
) {
  override get message() {
    return `the snapshot at ${this.snapshotIndex} says cutover ${this.snapshotCutover}, the state at ${this.appliedIndex} says ${this.sidecarCutover}; restore this node from its peers`
  }
}
