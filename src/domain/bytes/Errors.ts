/** How a byte format says that bytes are not of it. */
import * as Schema from "effect/Schema"

/**
 * Why bytes were refused.
 *
 * - `truncated`: they end before the format does, or a count promises more than can follow.
 * - `trailingBytes`: something follows the end of the format.
 * - `unknownVersion`, `unknownFlag`, `unknownTag`: a value this release does not know.
 * - `outOfRange`: a number, a length or a text outside what the field may hold.
 * - `notCanonical`: a second spelling of a value that has exactly one.
 * - `repeated`: what may occur once occurs again.
 */
export const Reason = Schema.Literals([
  "truncated",
  "trailingBytes",
  "unknownVersion",
  "unknownFlag",
  "unknownTag",
  "outOfRange",
  "notCanonical",
  "repeated"
])
export type Reason = typeof Reason.Type

/**
 * Bytes that are not of the named format. `offset` counts from the first byte of the format and is
 * where the refused field begins. Never holds the bytes themselves: they may be a user's.
 */
export class Malformed extends Schema.TaggedError<Malformed>()("Malformed", {
  format: Schema.String,
  reason: Reason,
  offset: Schema.Int
}) {
  override get message(): string {
    return (
      `these bytes are not a ${this.format}: ${this.reason} at byte ${this.offset}; ` +
      "compare the software versions of the writer and of this reader"
    )
  }
}
