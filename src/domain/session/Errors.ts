/** Why a write of a session is not applied: answers of the state machine, but for the last. */
import * as Schema from "effect/Schema"

/** The session has expired, or was never opened. */
export class SessionUnknown extends Schema.TaggedError<SessionUnknown>()("SessionUnknown", {
  sessionId: Schema.String
}) {
  override get message() {
    return `there is no session ${this.sessionId}; open another one, and read before you repeat a write of this one whose answer was lost`
  }
}

/** So old a write of the session that nobody remembers whether it was applied. */
export class SequenceForgotten extends Schema.TaggedError<SequenceForgotten>()(
  "SequenceForgotten",
  { sessionId: Schema.String, sequence: Schema.Int, floor: Schema.Int }
) {
  override get message() {
    return `the answers of session ${this.sessionId} up to ${this.floor} are forgotten, ${this.sequence} is one of them; read before you repeat it, and keep fewer writes in flight`
  }
}

/** As many sessions are open as may be. */
export class TooManySessions extends Schema.TaggedError<TooManySessions>()("TooManySessions", {
  sessionsMax: Schema.Int
}) {
  override get message() {
    return `${this.sessionsMax} sessions are open, which is the limit; share one among more clients, or wait until idle ones expire`
  }
}

/** Not within 1..2^53 − 1: nothing was proposed. */
export class SequenceOutOfRange extends Schema.TaggedError<SequenceOutOfRange>()(
  "SequenceOutOfRange",
  { sequence: Schema.Number }
) {
  override get message() {
    return `a write of a session has a sequence of 1..${Number.MAX_SAFE_INTEGER}, not ${this.sequence}; begin with 1 and go up by one`
  }
}
