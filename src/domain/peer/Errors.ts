/** Why two nodes do not talk to each other. */
import * as Schema from "effect/Schema"

const sentences = {
  protocolUnknown: "it speaks another version of the protocol; run releases that know each other",
  otherCluster: "it belongs to another cluster; check the address, or the data directory",
  otherGroup: "it belongs to another group",
  notThatMember: "it is not the member it was taken for; check the addresses of the members",
  notAMember: "it is no member; add it with `member add`, or stop it",
  otherName: "its member id belongs to a node of another name; do not copy data directories",
  otherIncarnation:
    "its data directory is a new one; remove the member and add it again under its name",
  notReady: "the other node cannot keep its opening durably; look at that node's disk",
  diskRolledBack:
    "its disk is an older copy of itself, which must not vote; remove the member, wipe its directory and add it again",
  tooManyStrangers:
    "the other node has heard as many nodes as it can that are no members as far as it knows; it is tried again, and taken in once that node has learnt of this member"
} as const

export type PeerRefusedReason = keyof typeof sentences

/** A connection was refused, by this node or by the other one. `memberId` 0: it is not known. */
export class PeerRefused extends Schema.TaggedError<PeerRefused>()("PeerRefused", {
  reason: Schema.Literals(Object.keys(sentences) as ReadonlyArray<PeerRefusedReason>),
  peer: Schema.String,
  memberId: Schema.Int
}) {
  override get message() {
    return `node ${this.peer} (member ${this.memberId}) is refused: ${sentences[this.reason]}`
  }
}

/** As many strangers' openings are kept as may be. */
export class PeerOpeningsFull extends Schema.TaggedError<PeerOpeningsFull>()("PeerOpeningsFull", {
  strangersMax: Schema.Int
}) {
  override get message() {
    return `the openings of ${this.strangersMax} nodes are kept that are no members; wait until this node has learnt who the members are`
  }
}

const transferSentences = {
  notAPeer: "it is no peer of this node",
  busy: "as many snapshots are under way as may be; it is tried again",
  unreachable: "no connection could be made",
  broken: "the connection broke",
  stalled: "nothing got through for too long",
  receiverFailed: "the receiver could not install it; look at that node's log"
} as const

export type TransferFailedReason = keyof typeof transferSentences

/** A snapshot did not get through, wholly; Raft sends it again if it is still needed. */
export class SnapshotTransferFailure extends Schema.TaggedError<SnapshotTransferFailure>()(
  "SnapshotTransferFailure",
  {
    peer: Schema.Int,
    reason: Schema.Literals(Object.keys(transferSentences) as ReadonlyArray<TransferFailedReason>)
  }
) {
  override get message() {
    return `the snapshot between this node and member ${this.peer} failed: ${transferSentences[this.reason]}`
  }
}

/** The way to a peer broke, or could not be made. */
export class PeerConnectionFailure extends Schema.TaggedError<PeerConnectionFailure>()(
  "PeerConnectionFailure",
  { address: Schema.String, operation: Schema.String, cause: Schema.Defect() }
) {
  override get message() {
    return `no connection with ${this.address} (${this.operation}): ${String(this.cause)}`
  }
}

/** The cluster does not take this node in, and waiting will not change that. */
export class AdmissionRefused extends Schema.TaggedError<AdmissionRefused>()("AdmissionRefused", {
  /** Who said so: an address. */
  by: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `${this.by} does not admit this node: ${this.reason}`
  }
}

const listSentences = {
  tooMany: "at most 7 nodes found a cluster; found it with fewer and `member add` the others",
  portZero: "an address without a port cannot be dialled; name the port",
  nameTwice: "each node has a name of its own; mend the list",
  addressTwice: "each node has an address of its own; mend the list",
  ownNameMissing: "this node is not in the list; add it, on every node, or mend --name"
} as const

/** No cluster can be founded from the list that was given with --bootstrap. */
export class BootstrapListRefused extends Schema.TaggedError<BootstrapListRefused>()(
  "BootstrapListRefused",
  {
    reason: Schema.Literals(
      Object.keys(listSentences) as ReadonlyArray<keyof typeof listSentences>
    ),
    /** What in the list it is about. */
    subject: Schema.String
  }
) {
  override get message() {
    return `--bootstrap cannot be used (${this.subject}): ${listSentences[this.reason]}`
  }
}

/** A member without entries, started without an address. */
export class PeerAddressUnknown extends Schema.TaggedError<PeerAddressUnknown>()(
  "PeerAddressUnknown",
  {}
) {
  override get message() {
    return "this node has been admitted and has nothing of the log yet, so its own address is not known here; give it with --peer-listen"
  }
}

/** Its peers know this member under another address than the one it was started with. */
export class PeerAddressDiffers extends Schema.TaggedError<PeerAddressDiffers>()(
  "PeerAddressDiffers",
  {
    given: Schema.String,
    /** Empty: they know none. */
    known: Schema.String
  }
) {
  override get message() {
    return this.known === ""
      ? `--peer-listen ${this.given} cannot be used: the other members know this node without an address; start it without --peer-listen, or remove the member and add it again with an empty directory`
      : `--peer-listen ${this.given} cannot be used: the other members know this node as ${this.known}; start it there, or remove the member and add it again with an empty directory`
  }
}
