/** What can be wrong with a snapshot (SPEC §16). */
import * as Schema from "effect/Schema"

/** The bytes are not a snapshot, or not a whole and undamaged one. */
export class SnapshotCorrupted extends Schema.TaggedError<SnapshotCorrupted>()(
  "SnapshotCorrupted",
  {
    reason: Schema.Literals([
      "notASnapshot",
      "truncated",
      "outOfRange",
      "notCanonical",
      "malformed",
      "checksumMismatch",
      "chunkMissing",
      "rowsMissing",
      "afterEnd"
    ])
  }
) {
  override get message() {
    return `these bytes are not a usable snapshot (${this.reason}); take another one, or fetch it again`
  }
}

/** A snapshot of a version this release does not know; `version` is the byte after `SEALSNP`. */
export class SnapshotVersionUnknown extends Schema.TaggedError<SnapshotVersionUnknown>()(
  "SnapshotVersionUnknown",
  { version: Schema.Int }
) {
  override get message() {
    const { version } = this
    const shown =
      version > 0x20 && version < 0x7f ? String.fromCharCode(version) : `byte ${version}`
    return `this snapshot has version ${shown}, which this release does not know; upgrade this node and try again`
  }
}

/** The chunks of a snapshot are whole, and what they hold is not what its header says. */
export class SnapshotInconsistent extends Schema.TaggedError<SnapshotInconsistent>()(
  "SnapshotInconsistent",
  {
    ceiling: Schema.Int,
    reason: Schema.Literals(["empty", "appliedIndex", "term", "cutover", "cluster"])
  }
) {
  override get message() {
    return `the snapshot of index ${this.ceiling} contradicts itself (${this.reason}) and is not installed; it is fetched again, and if that does not help, check the member it comes from`
  }
}
