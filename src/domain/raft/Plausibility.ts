/**
 * Could a correct member have sent this message to this one, as it is now?
 *
 * A member that has lost a part of its log, runs other software or was taken over may send what breaks
 * an assumption of the core. Such a message is dropped before it is stepped, so that it neither stops
 * this member (the core's invariants are about its own mistakes) nor gets into its log. What must never
 * happen here: a message refused that a correct member may send, however late it comes.
 * Proof: `Plausibility.test.ts`; `Simulation.test.ts` asks it about every message of its runs.
 */
import * as Limits from "../Limits.ts"
import type { Append, AppendResponse, HeartbeatResponse, Message } from "./Message.ts"
import type { State } from "./State.ts"

/**
 * - `misaddressed`: to somebody else, or from this member itself.
 * - `termTooLarge`: no number of elections leads there.
 * - `twoLeaders`: it claims the term that this member leads.
 * - `commitBeyondLog`: it says committed what this member was known to hold and does not.
 * - `termsOutOfOrder`: the terms of a log never fall, and none is above its leader's.
 * - `acknowledgesBeyondLog`: it holds entries of this leader's that this leader has not made.
 * - `bareSnapshot`: a snapshot without its content; the driver's to see.
 * - `confirmsBeyondReads`: it confirms reads that were never asked.
 */
export type Implausible =
  | "misaddressed"
  | "termTooLarge"
  | "twoLeaders"
  | "commitBeyondLog"
  | "termsOutOfOrder"
  | "acknowledgesBeyondLog"
  | "bareSnapshot"
  | "confirmsBeyondReads"

/** What is wrong with the message, if anything is. Reads nothing but memory. */
export function problemOf(state: State, message: Message): Implausible | undefined {
  if (message.to !== state.id || message.from === state.id) return "misaddressed"
  if (message._tag === "ReadIndex") return undefined
  if (message.term > Limits.termMax) return "termTooLarge"
  const isOfLedTerm = state.role._tag === "Leader" && message.term === state.term
  switch (message._tag) {
    case "Append":
      return isOfLedTerm ? "twoLeaders" : problemOfAppend(message)
    case "InstallSnapshot":
      if (isOfLedTerm) return "twoLeaders"
      return message.snapshot.term > message.term ? "termsOutOfOrder" : undefined
    case "Heartbeat":
      if (isOfLedTerm) return "twoLeaders"
      // The word of an earlier leader is not taken anyway.
      return message.term >= state.term && message.commit > state.log.lastIndex
        ? "commitBeyondLog"
        : undefined
    case "AppendResponse":
    case "HeartbeatResponse":
      return isOfLedTerm ? problemOfAnswer(state, message) : undefined
    default:
      return undefined
  }
}

function problemOfAppend({ entries, previous, term }: Append): Implausible | undefined {
  let last = previous.term
  for (const entry of entries) {
    if (entry.term < last) return "termsOutOfOrder"
    last = entry.term
  }
  return last > term ? "termsOutOfOrder" : undefined
}

function problemOfAnswer(
  { log, role }: State,
  message: AppendResponse | HeartbeatResponse
): Implausible | undefined {
  if (message._tag === "AppendResponse") {
    return message.index > log.lastIndex ? "acknowledgesBeyondLog" : undefined
  }
  const isTooFar = role._tag === "Leader" && message.readPosition > role.reads.lastPosition
  return isTooFar ? "confirmsBeyondReads" : undefined
}
