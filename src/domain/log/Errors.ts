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
