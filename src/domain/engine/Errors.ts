/**
 * Why a proposal or a read was refused, and what is known about it then.
 *
 * `isDefinite` tells those after which the proposal is certainly not, and never will be, applied.
 */
import * as Schema from "effect/Schema"

/** This node does not lead, or leads in another term than the proposal was admitted in. */
export class NotLeader extends Schema.TaggedError<NotLeader>()("NotLeader", {
  leader: Schema.UndefinedOr(Schema.Int)
}) {
  override get message() {
    return this.leader === undefined
      ? "this node does not lead and knows no leader; try again"
      : `this node does not lead; ask member ${this.leader}`
  }
}

/** This node leads, but has not yet applied its noop, or the registration it needs to seal. */
export class LeaderNotReady extends Schema.TaggedError<LeaderNotReady>()("LeaderNotReady", {
  awaits: Schema.Literals(["noop", "registration"])
}) {
  override get message() {
    return `the leader is not ready yet (its ${this.awaits} is not applied); try again`
  }
}

/** Too much is waiting to be appended or applied; nothing was proposed. */
export class TooManyProposals extends Schema.TaggedError<TooManyProposals>()("TooManyProposals", {
  pendingCount: Schema.Int,
  pendingBytes: Schema.Int
}) {
  override get message() {
    return `too much is waiting (${this.pendingCount} proposals, ${this.pendingBytes} bytes); slow down and try again`
  }
}

/** With what is under way, this proposal would leave too little space; nothing was proposed. */
export class SpaceLow extends Schema.TaggedError<SpaceLow>()("SpaceLow", {
  freeBytes: Schema.Int,
  freeBytesMin: Schema.Int
}) {
  override get message() {
    return `this would leave ${this.freeBytes} bytes free on the node's disk, which keeps ${this.freeBytesMin}; free some disk space, then try again`
  }
}

/** Another leader's entry took the place of this proposal, which will never be applied. */
export class ProposalSuperseded extends Schema.TaggedError<ProposalSuperseded>()(
  "ProposalSuperseded",
  { index: Schema.Int }
) {
  override get message() {
    return `the proposal at index ${this.index} was replaced by another leader's entry and is not applied; try again`
  }
}

/** The wait is over; the proposal may still be applied. */
export class ProposalTimedOut extends Schema.TaggedError<ProposalTimedOut>()("ProposalTimedOut", {
  timeoutMillis: Schema.Int
}) {
  override get message() {
    return `no answer within ${this.timeoutMillis} ms; the write may or may not be applied, read before you repeat it`
  }
}

/** The request was handed to the leader, and no answer came; it may still be applied. */
export class LeaderLost extends Schema.TaggedError<LeaderLost>()("LeaderLost", {
  leader: Schema.Int,
  cause: Schema.String
}) {
  override get message() {
    return `the request was handed to the leader (member ${this.leader}) and no answer came (${this.cause}); it may or may not be applied, read before you repeat it`
  }
}

/** The change of the membership cannot be made; nothing was proposed, or nothing changed. */
export class MembershipChangeRefused extends Schema.TaggedError<MembershipChangeRefused>()(
  "MembershipChangeRefused",
  { reason: Schema.String }
) {
  override get message() {
    return this.reason === "pending"
      ? "another change of the membership is under way; wait until it is applied, then try again"
      : `the change of the membership is refused: ${this.reason}`
  }
}

/** This node led no longer when the change was in its log; it may still be applied. */
export class MembershipOutcomeUnknown extends Schema.TaggedError<MembershipOutcomeUnknown>()(
  "MembershipOutcomeUnknown",
  { index: Schema.Int }
) {
  override get message() {
    return `this node ceased to lead with the change at index ${this.index} on its way; it may or may not be made, list the members before you repeat it`
  }
}

/** The leadership was not handed over. After `timedOut` it may still be, in this moment. */
export class TransferFailed extends Schema.TaggedError<TransferFailed>()("TransferFailed", {
  to: Schema.Int,
  reason: Schema.Literals(["notAVoter", "inProgress", "timedOut", "anotherLeads"])
}) {
  override get message() {
    return `the leadership was not handed over to member ${this.to} (${this.reason}); ${transferAdvice[this.reason]}`
  }
}

const transferAdvice = {
  notAVoter: "only a voter can lead, promote it first",
  inProgress: "another transfer is under way, try again after it",
  timedOut:
    "it did not take over within an election time-out, see that it is running and try again",
  anotherLeads: "another member was elected meanwhile, ask that one"
} as const

/** The node has stopped; a proposal that was on its way may or may not be applied after a restart. */
export class NodeStopped extends Schema.TaggedError<NodeStopped>()("NodeStopped", {
  reason: Schema.String
}) {
  override get message() {
    return `the node has stopped: ${this.reason}`
  }
}
