/** Why the KV store refuses a request, or cannot answer it. */
import * as Schema from "effect/Schema"

/** A key has at least one byte. */
export class KeyEmpty extends Schema.TaggedError<KeyEmpty>()("KeyEmpty", {}) {
  override get message() {
    return "a key has at least one byte"
  }
}

/** Longer than `Limits.keyBytesMax`. */
export class KeyTooLarge extends Schema.TaggedError<KeyTooLarge>()("KeyTooLarge", {
  bytes: Schema.Int,
  bytesMax: Schema.Int
}) {
  override get message() {
    return `the key has ${this.bytes} bytes, at most ${this.bytesMax} are allowed; choose a shorter key`
  }
}

/** Longer than `Limits.valueBytesMax`. */
export class ValueTooLarge extends Schema.TaggedError<ValueTooLarge>()("ValueTooLarge", {
  bytes: Schema.Int,
  bytesMax: Schema.Int
}) {
  override get message() {
    return `the value has ${this.bytes} bytes, at most ${this.bytesMax} are allowed; split it over several keys`
  }
}

/** Longer than `Limits.requestBytesMax`, encoded. */
export class RequestTooLarge extends Schema.TaggedError<RequestTooLarge>()("RequestTooLarge", {
  bytes: Schema.Int,
  bytesMax: Schema.Int
}) {
  override get message() {
    return `the request has ${this.bytes} bytes, at most ${this.bytesMax} are allowed; split it into several`
  }
}

/** Compares, then-operations and else-operations are counted apart. */
export class TooManyOperations extends Schema.TaggedError<TooManyOperations>()(
  "TooManyOperations",
  { count: Schema.Int, countMax: Schema.Int }
) {
  override get message() {
    return `the transaction has ${this.count} compares or operations in one list, at most ${this.countMax} are allowed; split it into several`
  }
}

/** Two operations of one branch are on one key, so that their order would matter. */
export class KeyRepeated extends Schema.TaggedError<KeyRepeated>()("KeyRepeated", {}) {
  override get message() {
    return "a branch of a transaction names a key twice; one operation per key and branch"
  }
}

/** Not within 0..`Limits.revisionMax`. */
export class RevisionOutOfRange extends Schema.TaggedError<RevisionOutOfRange>()(
  "RevisionOutOfRange",
  { revision: Schema.Number, revisionMax: Schema.Int }
) {
  override get message() {
    return `a compare names a revision of 0..${this.revisionMax}, not ${this.revision}; name one that an answer has told`
  }
}

/** Not within 1..`Limits.rangeEntriesMax`. */
export class RangeLimitOutOfRange extends Schema.TaggedError<RangeLimitOutOfRange>()(
  "RangeLimitOutOfRange",
  { limit: Schema.Number, limitMax: Schema.Int }
) {
  override get message() {
    return `a range answers 1..${this.limitMax} entries, not ${this.limit}; name a limit within that, and go on with the continuation`
  }
}

/**
 * The values that a transaction gets and compares pass `Limits.answerBytesMax`; nothing was changed.
 * Ranges stop before that instead.
 */
export class TxnReadTooLarge extends Schema.TaggedError<TxnReadTooLarge>()("TxnReadTooLarge", {
  bytesMax: Schema.Int
}) {
  override get message() {
    return `the values that the transaction gets and compares have more than ${this.bytesMax} bytes together, nothing was changed; compare revisions instead, and read large values one by one`
  }
}

/** Why a request on one key is refused, before anything is sent or proposed. */
export type KeyRefusal = KeyEmpty | KeyTooLarge
export type PutRefusal = KeyRefusal | ValueTooLarge
export type RangeRefusal = KeyRefusal | RangeLimitOutOfRange
export type TxnRefusal =
  | PutRefusal
  | TooManyOperations
  | KeyRepeated
  | RevisionOutOfRange
  | RequestTooLarge
export type Refusal = PutRefusal | RangeRefusal | TxnRefusal

const whatIsWrong = {
  notAnExport: "is not the first line of an export; give a file that `kv export` wrote",
  versionUnknown:
    "names a version that this release cannot read; import it with the release that wrote it",
  lineTooLong: "is longer than any line of an export; give a file that `kv export` wrote",
  malformed: "is not an entry; the file is damaged, export again",
  beyondLimits: "holds a key or a value beyond the limits; the file was changed, export again",
  notAscending:
    "has a key that does not come behind the one before; the file was changed, export again",
  countDiffers: "counts other than the lines before it; the file is damaged, export again",
  checksumDiffers:
    "has another checksum than the lines before it; the file is damaged, export again",
  afterEnd: "comes behind the end of the export; give one export at a time",
  endMissing: "is the last one, and not the end of an export; the file was cut off, export again"
} as const
const exportReasons = Object.keys(whatIsWrong) as ReadonlyArray<keyof typeof whatIsWrong>

/** These bytes are not a whole export of the key-value store. Lines are counted from 1. */
export class ExportInvalid extends Schema.TaggedError<ExportInvalid>()("ExportInvalid", {
  line: Schema.Int,
  reason: Schema.Literals(exportReasons)
}) {
  override get message() {
    return `line ${this.line} ${whatIsWrong[this.reason]}`
  }
}

/** The description of a transaction does not have the shape that `kv txn` reads. */
export class TxnDescriptionInvalid extends Schema.TaggedError<TxnDescriptionInvalid>()(
  "TxnDescriptionInvalid",
  { path: Schema.String, reason: Schema.String }
) {
  override get message() {
    return `the description of the transaction is wrong at ${this.path}: ${this.reason}; \`kv txn --help\` shows its shape`
  }
}

/**
 * A stored value is not what its key, revision and header say (SPEC §5). Names no key: it may be a
 * secret. `notSealed` is a plaintext value of a time when all were sealed.
 */
export class ValueCorrupted extends Schema.TaggedError<ValueCorrupted>()("ValueCorrupted", {
  groupId: Schema.Int,
  revision: Schema.Int,
  reason: Schema.Literals([
    "truncated",
    "badHeader",
    "notSealed",
    "badVersion",
    "badFlag",
    "unknownKeyId",
    "tagMismatch"
  ])
}) {
  override get message() {
    return `a stored value of group ${this.groupId}, revision ${this.revision}, is damaged (${this.reason}); restore this node from its peers, or the cluster from a backup`
  }
}
