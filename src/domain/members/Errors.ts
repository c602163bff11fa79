/**
 * Why a change of the cluster is refused. Nothing was proposed, and nothing has changed, after any of
 * these but `LearnerLagging` (SPEC §15).
 *
 * Each says what to do next. Proof: `test/domain/members/Administration.test.ts`.
 */
import * as Schema from "effect/Schema"
import { CapabilityReason, sentenceOf } from "../capability/Reason.ts"
import { MemberId, NodeName } from "../Ids.ts"

/** No member has this name. */
export class MemberUnknown extends Schema.TaggedError<MemberUnknown>()("MemberUnknown", {
  nodeName: NodeName,
  members: Schema.Array(NodeName)
}) {
  override get message() {
    return `no member is called ${this.nodeName}; the members are ${this.members.join(", ")}`
  }
}

/** A member has this name, and it is not that node, or not there. */
export class MemberNameTaken extends Schema.TaggedError<MemberNameTaken>()("MemberNameTaken", {
  nodeName: NodeName,
  memberId: MemberId,
  /** What differs: its data directory (wiped, or another one), or its address. */
  difference: Schema.Literals(["incarnation", "address"])
}) {
  override get message() {
    const { difference, memberId, nodeName } = this
    return difference === "incarnation"
      ? `member ${memberId} is called ${nodeName} and has another data directory (was it wiped?); \`member remove ${nodeName}\` first, then add it: it comes back as a new member`
      : `member ${memberId} is called ${nodeName} and is reached at another address; \`member remove ${nodeName}\` first, then add it with a fresh data directory`
  }
}

/** Peers reach another member at this address. */
export class MemberAddressTaken extends Schema.TaggedError<MemberAddressTaken>()(
  "MemberAddressTaken",
  { address: Schema.String, nodeName: NodeName }
) {
  override get message() {
    return `${this.address} is the address of member ${this.nodeName}; give the peer address of the new node`
  }
}

/** No node of this name asks to be let in. */
export class NodeNotIntroduced extends Schema.TaggedError<NodeNotIntroduced>()(
  "NodeNotIntroduced",
  { nodeName: NodeName, address: Schema.String }
) {
  override get message() {
    return `no node called ${this.nodeName} has asked the leader to be let in; start it first: \`sealog serve --name ${this.nodeName} --join ADDRESS-OF-A-MEMBER --peer-listen ${this.address}\`, then add it again`
  }
}

/** The node that asks to be let in says that its peers reach it elsewhere. */
export class NodeAtAnotherAddress extends Schema.TaggedError<NodeAtAnotherAddress>()(
  "NodeAtAnotherAddress",
  { nodeName: NodeName, address: Schema.String, introduced: Schema.String }
) {
  override get message() {
    return `${this.nodeName} says that its peers reach it at ${this.introduced}, not at ${this.address}; add it with the address it says, or restart it with another --peer-listen`
  }
}

/** Without it nobody could decide anything any more. */
export class LastVoter extends Schema.TaggedError<LastVoter>()("LastVoter", {
  nodeName: NodeName
}) {
  override get message() {
    return `${this.nodeName} is the last voter; add another node and promote it first`
  }
}

/** The voters that would be left cannot all be reached, and those that can are no majority. */
export class QuorumWouldBeLost extends Schema.TaggedError<QuorumWouldBeLost>()(
  "QuorumWouldBeLost",
  { nodeName: NodeName, voterCount: Schema.Int, reachableCount: Schema.Int }
) {
  override get message() {
    return `without ${this.nodeName} there would be ${this.voterCount} voters, of which only ${this.reachableCount} can be reached: no majority; remove or restart those that are down first`
  }
}

/** Changes are made one after the other. */
export class MembershipChangeInProgress extends Schema.TaggedError<MembershipChangeInProgress>()(
  "MembershipChangeInProgress",
  {}
) {
  override get message() {
    return "another change of the members is being made; try again when it is done"
  }
}

/** It votes only once it has nearly all of the log; it is a learner, and goes on catching up. */
export class LearnerLagging extends Schema.TaggedError<LearnerLagging>()("LearnerLagging", {
  nodeName: NodeName,
  /** Committed entries that it is not known to have. */
  lag: Schema.Int,
  lagMax: Schema.Int
}) {
  override get message() {
    return `${this.nodeName} is a learner and lacks ${this.lag} entries (at most ${this.lagMax} when it is promoted); it goes on catching up: look at \`member list\`, then \`member promote ${this.nodeName}\``
  }
}

/** Only a learner can be promoted. */
export class NotALearner extends Schema.TaggedError<NotALearner>()("NotALearner", {
  nodeName: NodeName
}) {
  override get message() {
    return `${this.nodeName} is a voter already; there is nothing to promote`
  }
}

/** Only a voter can lead. */
export class NotAVoter extends Schema.TaggedError<NotAVoter>()("NotAVoter", {
  nodeName: NodeName
}) {
  override get message() {
    return `${this.nodeName} is a learner and cannot lead; \`member promote ${this.nodeName}\` first`
  }
}

/** The cluster has data keys, and this node cannot use them. */
export class PeerNotEncryptionCapable extends Schema.TaggedError<PeerNotEncryptionCapable>()(
  "PeerNotEncryptionCapable",
  { nodeName: NodeName, reason: CapabilityReason }
) {
  override get message() {
    return `the cluster is encrypted and ${this.nodeName} cannot take part: ${sentenceOf(this.reason)}; then try again`
  }
}

/** It has no writer id, without which it could never lead (SPEC §6). */
export class PeerNotRegistered extends Schema.TaggedError<PeerNotRegistered>()(
  "PeerNotRegistered",
  { nodeName: NodeName, reason: Schema.Literals(["WriterIdsExhausted", "KeyUnknown"]) }
) {
  override get message() {
    return `${this.nodeName} could not be registered as a writer: ${registrationAdvice[this.reason]}`
  }
}

const registrationAdvice = {
  WriterIdsExhausted:
    "every writer id of this cluster is taken; export the data and load it into a new cluster",
  KeyUnknown: "the raft key is not known any more; try again"
} as const

/** The leader leads on, or another one was elected. */
export class LeadershipTransferFailed extends Schema.TaggedError<LeadershipTransferFailed>()(
  "LeadershipTransferFailed",
  { nodeName: NodeName, reason: Schema.Literals(["inProgress", "timedOut", "anotherLeads"]) }
) {
  override get message() {
    return `the leadership was not handed to ${this.nodeName}: ${transferAdvice[this.reason]}`
  }
}

const transferAdvice = {
  inProgress: "another transfer is under way, try again after it",
  timedOut: "it did not take over in time, see that it runs and follows, then try again",
  anotherLeads: "another member was elected meanwhile, see `member list`"
} as const
