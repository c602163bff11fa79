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

/** A commit would leave too little free space: LMDB must never meet a full disk (SPEC §8). */
export class DiskFullFailure extends Schema.TaggedError<DiskFullFailure>()("DiskFullFailure", {
  freeBytes: Schema.Int,
  freeBytesHalt: Schema.Int
}) {
  override get message() {
    return `only ${this.freeBytes} bytes are free on the disk of the data directory, and nothing is written that would leave less than ${this.freeBytesHalt}; free some space and start the node again`
  }
}

/** The file system under the data directory cannot make a commit durable (SPEC §17). */
export class FileSystemNotDurable extends Schema.TaggedError<FileSystemNotDurable>()(
  "FileSystemNotDurable",
  { directory: Schema.String, operation: Schema.String, cause: Schema.Defect() }
) {
  override get message() {
    return `the file system of ${this.directory} cannot make a commit durable (${this.operation}): ${String(this.cause)}; put the data directory on a local disk that can`
  }
}

/** The data directory was created under another node name (SPEC §3). */
export class DirectoryOfAnotherNode extends Schema.TaggedError<DirectoryOfAnotherNode>()(
  "DirectoryOfAnotherNode",
  { expected: Schema.String, found: Schema.String }
) {
  override get message() {
    return `the data directory belongs to node ${this.found}, not to ${this.expected}; start it under its own name, or choose another directory`
  }
}

/** The state belongs to another cluster than the log beside it (SPEC §3, §17). */
export class DirectoryOfAnotherCluster extends Schema.TaggedError<DirectoryOfAnotherCluster>()(
  "DirectoryOfAnotherCluster",
  { expected: Schema.String, found: Schema.String }
) {
  override get message() {
    return `the state in the data directory belongs to cluster ${this.found}, the log to ${this.expected}; do not mix directories, restore both from the same copy`
  }
}

/** The state is not of the log beside it (SPEC §17). */
export class AppliedIndexOutsideLog extends Schema.TaggedError<AppliedIndexOutsideLog>()(
  "AppliedIndexOutsideLog",
  { appliedIndex: Schema.Int, firstIndex: Schema.Int, lastIndex: Schema.Int }
) {
  override get message() {
    return `the state has applied index ${this.appliedIndex}, the log holds ${this.firstIndex} to ${this.lastIndex}: they are not of one copy; restore both together`
  }
}

/** An offline command was pointed at a directory that no node has ever been started in. */
export class NoNodeInDirectory extends Schema.TaggedError<NoNodeInDirectory>()(
  "NoNodeInDirectory",
  { directory: Schema.String }
) {
  override get message() {
    return `there is no node's data in ${this.directory}; give the directory that \`serve --data-dir\` was given`
  }
}

/** Nothing has been written to the state yet: the node was never let into a cluster, or ended before. */
export class EncryptionStateMissing extends Schema.TaggedError<EncryptionStateMissing>()(
  "EncryptionStateMissing",
  { directory: Schema.String }
) {
  override get message() {
    return `the node in ${this.directory} has no encryption state yet: it belongs to no cluster, or ended before it had written what it knows of it; see what \`sealog serve\` says`
  }
}

/** An environment on disk has a layout this release does not know (SPEC §17). */
export class FormatVersionUnknown extends Schema.TaggedError<FormatVersionUnknown>()(
  "FormatVersionUnknown",
  { environment: Schema.Literals(["log", "state"]), found: Schema.Int, known: Schema.Int }
) {
  override get message() {
    return `the ${this.environment} on disk has format version ${this.found}, this release knows ${this.known}; start the release that wrote it`
  }
}
