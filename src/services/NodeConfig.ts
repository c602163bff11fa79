/** The bounds and time-outs of one node. Every wait and every queue takes its limit from here. */
import * as Context from "effect/Context"

export interface NodeSettings {
  /** Length of one tick of the Raft clock, in milliseconds. */
  readonly tickMillis: number
  /** Ticks without a leader before a follower campaigns; jitter up to as many again. */
  readonly electionTicks: number
  readonly heartbeatTicks: number
  /** How long a caller waits for its proposal to be applied. */
  readonly proposalTimeoutMillis: number
  /** How long a linearizable read waits for its index to be confirmed and applied. */
  readonly readTimeoutMillis: number
  /** How long the cutover waits for user proposals that are already in; then nothing has happened. */
  readonly drainTimeoutMillis: number
  /** How long the caller of the cutover waits once its marker may be in the log. */
  readonly cutoverTimeoutMillis: number
  /** How long start-up of sealing (the registration) may take before the cutover gives up. */
  readonly registrationTimeoutMillis: number
  /** How long the capability gate waits for the answer of a member: one election time-out. */
  readonly capabilityTimeoutMillis: number
  /** How long the members may take to answer when their status is asked for. */
  readonly surveyTimeoutMillis: number
  /** Inputs waiting for the driver; more are refused. */
  readonly inboxCountMax: number
  /** Bytes of peers' messages waiting for the driver; more are dropped. */
  readonly receivedBytesMax: number
  /** User requests waiting to be appended; more are refused. */
  readonly pendingCountMax: number
  readonly pendingBytesMax: number
  /** Requests in one entry. */
  readonly batchCountMax: number
  /** Request bytes in one entry, unless a single request is larger. */
  readonly batchBytesMax: number
  /** Entry bytes a leader may have appended and not yet applied. */
  readonly uncommittedBytesMax: number
  /** Free disk space, in bytes, that users' requests must leave; less is `SpaceLow`. */
  readonly freeBytesMin: number
  /** Free disk space that every commit must leave; the node stops instead of passing it. */
  readonly freeBytesHalt: number
  /** A client session that nobody has used for this long may be ended; how often it is looked for. */
  readonly sessionIdleMillis: number
  readonly sessionScanMillis: number
  /** Committed entries that a learner may lack when it is promoted. */
  readonly learnerLagMax: number
  /** How long adding a voter waits for it to catch up; then it stays a learner. */
  readonly learnerCatchUpTimeoutMillis: number
  /** How long a connection with a peer may take to be made, handshake included. */
  readonly peerConnectTimeoutMillis: number
  /** Pause before a peer is dialled again: from the first to the second, doubling, with jitter. */
  readonly peerBackoffMillis: { readonly min: number; readonly max: number }
  /** How long a peer may take nothing of what is sent before it is dialled anew. */
  readonly peerStallMillis: number
  /** Messages waiting for one peer; more are dropped. */
  readonly peerQueueCountMax: number
  readonly peerQueueBytesMax: number
  /** Connections that clients may have opened to this node; further ones are hung up on. */
  readonly clientConnectionsMax: number
  /** Connections that peers may have opened to this node. */
  readonly peerConnectionsMax: number
  /** Snapshots sent at a time, and as many taken in. */
  readonly snapshotTransfersMax: number
  /** A log of more entries, or of more bytes, forgets those that the state holds durably. */
  readonly compactionEntries: number
  readonly compactionBytes: number
  /** Entries kept for members that lag, below what is durable; fewer if they are large. */
  readonly compactionTailEntries: number
  /** Entry bytes applied in one commit of the state. */
  readonly applyBytesMax: number
}

export class NodeConfig extends Context.Service<NodeConfig, NodeSettings>()("sealog/NodeConfig") {}
