/** The settings of a node: defaults, some of which an embedder or a test replaces. */
import * as Layer from "effect/Layer"
import * as Limits from "../domain/Limits.ts"
import { NodeConfig, type NodeSettings } from "../services/NodeConfig.ts"

export const defaults: NodeSettings = {
  tickMillis: 100,
  electionTicks: 10,
  heartbeatTicks: 1,
  proposalTimeoutMillis: 10_000,
  readTimeoutMillis: 10_000,
  drainTimeoutMillis: 5_000,
  cutoverTimeoutMillis: 10_000,
  registrationTimeoutMillis: 5_000,
  capabilityTimeoutMillis: 1_000,
  surveyTimeoutMillis: 2_000,
  inboxCountMax: 16_384,
  receivedBytesMax: 64 * Limits.mebibyte,
  pendingCountMax: 65_536,
  pendingBytesMax: 64 * Limits.mebibyte,
  batchCountMax: 1_024,
  batchBytesMax: Limits.mebibyte,
  freeBytesMin: 256 * Limits.mebibyte,
  freeBytesHalt: 32 * Limits.mebibyte,
  uncommittedBytesMax: 64 * Limits.mebibyte,
  sessionIdleMillis: 3_600_000,
  sessionScanMillis: 60_000,
  learnerLagMax: 1_000,
  learnerCatchUpTimeoutMillis: 30_000,
  peerConnectTimeoutMillis: 1_000,
  peerBackoffMillis: { min: 50, max: 2_000 },
  peerStallMillis: 10_000,
  peerQueueCountMax: 4_096,
  peerQueueBytesMax: 16 * Limits.mebibyte,
  clientConnectionsMax: 1_024,
  peerConnectionsMax: 64,
  snapshotTransfersMax: 2,
  compactionEntries: 20_000,
  compactionBytes: 1024 * Limits.mebibyte,
  compactionTailEntries: 5_000,
  applyBytesMax: 4 * Limits.mebibyte
}

/** The defaults, with some of them replaced. */
export const layer = (settings: Partial<NodeSettings> = {}): Layer.Layer<NodeConfig> =>
  Layer.succeed(NodeConfig, { ...defaults, ...settings })
