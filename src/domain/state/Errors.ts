/** What can go wrong with the state environment and the data directory. */
import * as Schema from "effect/Schema"

/** A commit or flush of the state environment failed; the node stops and replays from the log. */
export class StateWriteFailure extends Schema.TaggedError<StateWriteFailure>()(
  "StateWriteFailure",
  { operation: Schema.String, cause: Schema.Defect() }
) {
  override get message() {
    return `the state could not be written (${this.operation}): ${String(this.cause)}; the node stops, check the disk and restart it`
  }
}

/** Another process, or another layer of this one, has this data directory open. */
export class DataDirectoryLocked extends Schema.TaggedError<DataDirectoryLocked>()(
  "DataDirectoryLocked",
  { directory: Schema.String }
) {
  override get message() {
    return `data directory ${this.directory} is in use by another process; stop it first, or choose another directory`
  }
}

/** The data directory cannot be opened at all. */
export class DataDirectoryFailure extends Schema.TaggedError<DataDirectoryFailure>()(
  "DataDirectoryFailure",
  { directory: Schema.String, operation: Schema.String, cause: Schema.Defect() }
) {
  override get message() {
    return `data directory ${this.directory} cannot be used (${this.operation}): ${String(this.cause)}`
  }
}
