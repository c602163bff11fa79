/** What can go wrong with the log environment. All of it stops the node (SPEC §8, §11). */
import * as Schema from "effect/Schema"

/** A record of the log environment does not have the checksum of what it should be. */
export class LogCorrupted extends Schema.TaggedError<LogCorrupted>()("LogCorrupted", {
  groupId: Schema.Int,
  index: Schema.Int,
  reason: Schema.Literals(["truncated", "checksumMismatch", "badKind", "outOfRange", "missing"])
}) {
  override get message() {
    return `log entry ${this.index} of group ${this.groupId} is damaged (${this.reason}); restore this node from its peers, or the cluster from a backup`
  }
}

/** A write to the log environment failed; what it held may or may not be on disk. */
export class LogWriteFailure extends Schema.TaggedError<LogWriteFailure>()("LogWriteFailure", {
  operation: Schema.String,
  cause: Schema.Defect()
}) {
  override get message() {
    return `the log could not be written (${this.operation}): ${String(this.cause)}; the node stops, check the disk and restart it`
  }
}

/**
 * A small record that carries its own checksum is not what its name says (SPEC §8). `record` is its
 * label; `malformed` means the checksum holds and the content does not, `inconsistent` that the
 * content contradicts itself: another release wrote it, or a bug did.
 */
export class RecordCorrupted extends Schema.TaggedError<RecordCorrupted>()("RecordCorrupted", {
  record: Schema.String,
  groupId: Schema.Int,
  reason: Schema.Literals(["truncated", "checksumMismatch", "malformed", "inconsistent", "missing"])
}) {
  override get message() {
    return `record ${this.record} of group ${this.groupId} is damaged (${this.reason}); restore this node from its peers, or the cluster from a backup`
  }
}

/**
 * The payload begins with an opcode, or an opcode and a sub-tag, that this release does not know: a
 * newer release wrote it. Apply halts (SPEC §7, §11).
 */
export class UnknownOpcode extends Schema.TaggedError<UnknownOpcode>()("UnknownOpcode", {
  opcode: Schema.Int,
  subTag: Schema.optionalKey(Schema.Int)
}) {
  override get message() {
    const subTag = this.subTag === undefined ? "" : `, sub-tag ${this.subTag}`
    return `a payload has opcode ${this.opcode}${subTag}, which this release does not know; upgrade this node to the release of its leader and start it again`
  }
}
