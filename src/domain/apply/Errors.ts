/** Why an entry could not be applied. All of it stops the node at that entry (SPEC §11). */
import * as Schema from "effect/Schema"
import { EncryptionApplyFailed, RaftUnwrapFailed } from "../encryption/Errors.ts"

/**
 * The entry cannot be decoded, or the state machine could not apply it. `detail` is the message of
 * what was found; it names no key and no value.
 */
export class ApplyFailed extends Schema.TaggedError<ApplyFailed>()("ApplyFailed", {
  groupId: Schema.Int,
  index: Schema.Int,
  term: Schema.Int,
  reason: Schema.Literals([
    "badEnvelope",
    "unknownOpcode",
    "malformed",
    "valueCorrupted",
    "recordCorrupted"
  ]),
  detail: Schema.String
}) {
  override get message() {
    return `entry ${this.index} of term ${this.term} in group ${this.groupId} cannot be applied (${this.reason}): ${this.detail}`
  }
}

export type ApplyFailure = RaftUnwrapFailed | EncryptionApplyFailed | ApplyFailed

export const isApplyFailure = (error: unknown): error is ApplyFailure =>
  error instanceof RaftUnwrapFailed ||
  error instanceof EncryptionApplyFailed ||
  error instanceof ApplyFailed
