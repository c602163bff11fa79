/**
 * The metrics of one node: what each means is its help line, and docs/OPERATIONS.md says what to watch.
 *
 * Every series carries the labels `node` and `group`, so that nodes in one process stay apart. What
 * must never happen: a key, a value or key bytes in a label; a read that changes anything.
 * Proof: `test/layers/Metrics.test.ts`, `test/e2e/Metrics.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as ReplicatedState from "../domain/apply/ReplicatedState.ts"
import * as SidecarState from "../domain/encryption/SidecarState.ts"
import { RenouncedReason } from "../domain/engine/Candidacy.ts"
import { version } from "../domain/Version.ts"
import { Applier } from "../services/Applier.ts"
import { FreeSpace } from "../services/FreeSpace.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import { Opening } from "../services/Opening.ts"
import { QuiescenceBarrier } from "../services/QuiescenceBarrier.ts"
import { RaftEngine } from "../services/RaftEngine.ts"
import { StateStore } from "../services/StateStore.ts"
import { Telemetry } from "../services/Telemetry.ts"
import * as MetricFamily from "./MetricFamily.ts"

const { counter, gauge, histogram, seriesOf, stateSet } = MetricFamily

type Families = ReadonlyArray<MetricFamily.Family>

const roles = ["Follower", "PreCandidate", "Candidate", "Leader"] as const

/** 1 or 0. */
const flag = (isSet: boolean) => (isSet ? 1 : 0)

/** From a request to an entry and back. */
const proposals = ({ counters, depths }: Telemetry["Service"]): Families => [
  {
    name: "sealog_proposals_total",
    help: "User requests by what finally became of them",
    type: "counter",
    series: seriesOf("outcome", counters.proposals)
  },
  {
    name: "sealog_proposal_refusals_total",
    help: "Refused user requests by reason; the server tries some of them again for its client",
    type: "counter",
    series: seriesOf("reason", counters.refusals)
  },
  counter(
    "sealog_proposal_timeouts_total",
    "Callers that gave up waiting; what became of their requests is counted as well",
    () => counters.proposalTimeouts
  ),
  counter(
    "sealog_batches_total",
    "Batches of user requests that became an entry",
    () => counters.batchRequests.state().count
  ),
  histogram("sealog_batch_requests", "User requests in one batch", () =>
    counters.batchRequests.state()
  ),
  gauge("sealog_inbox_inputs", "Inputs that wait for the engine's loop", () => depths.inboxCount()),
  gauge("sealog_pending_requests", "User requests that wait for the next batch", () =>
    depths.pendingCount()
  ),
  gauge("sealog_pending_bytes", "Bytes of the user requests that wait for the next batch", () =>
    depths.pendingBytes()
  )
]

const log = ({ counters }: Telemetry["Service"]): Families => [
  counter(
    "sealog_entries_appended_total",
    "Normal entries appended as leader",
    () => counters.entriesAppended
  ),
  counter("sealog_entries_applied_total", "Entries applied", () => counters.entriesApplied),
  histogram("sealog_log_sync_seconds", "Time of one durable write of the log", () =>
    counters.logSyncSeconds.state()
  ),
  histogram("sealog_apply_seconds", "Time of applying one run of committed entries", () =>
    counters.applySeconds.state()
  )
]

const raft = Effect.gen(function* () {
  const { counters } = yield* Telemetry
  const engine = yield* RaftEngine
  const applier = yield* Applier
  const flushedIndex = yield* makeFlushedIndex
  return [
    gauge("sealog_raft_term", "Current term", () => engine.status().term),
    {
      name: "sealog_raft_role",
      help: "1 for the role this member is in",
      type: "gauge",
      series: stateSet("role", roles, () => engine.status().role)
    },
    gauge("sealog_raft_is_leader", "1 if this member leads", () =>
      flag(engine.status().role === "Leader")
    ),
    gauge("sealog_raft_has_leader", "1 if this member knows a leader", () =>
      flag(engine.status().leader !== undefined)
    ),
    counter(
      "sealog_leaderships_total",
      "Times this member has become leader",
      () => counters.leadershipsGained
    ),
    {
      name: "sealog_received_messages_total",
      help: "Messages of peers by what became of them",
      type: "counter",
      series: seriesOf("fate", counters.receivedMessages)
    },
    {
      name: "sealog_candidacy_renounced",
      help: "1 for the reason why this node does not lead",
      type: "gauge",
      series: stateSet("reason", RenouncedReason.literals, () => engine.candidacyRenounced())
    },
    gauge("sealog_log_first_index", "First index of the log", () => engine.status().firstIndex),
    gauge("sealog_log_last_index", "Last index of the log", () => engine.status().lastIndex),
    gauge("sealog_committed_index", "Highest index known committed", () => engine.status().commit),
    gauge("sealog_applied_index", "Highest index applied", () => applier.position.index),
    gauge(
      "sealog_flushed_index",
      "Highest index whose effects are durable in the state",
      flushedIndex
    ),
    gauge("sealog_revision", "Revision of the state machine", () => applier.revision)
  ] satisfies Families
})

/** What is durable of a state is read off that state: it may lag behind what was applied. */
const makeFlushedIndex = Effect.gen(function* () {
  const { groupId } = yield* Opening
  const { durable } = yield* StateStore
  return () =>
    Result.match(ReplicatedState.appliedOf(durable, groupId), {
      onSuccess: (applied) => applied?.index ?? 0,
      // The next start refuses it; a scrape must not.
      onFailure: () => 0
    })
})

const encryption = Effect.gen(function* () {
  const { counters } = yield* Telemetry
  const applier = yield* Applier
  const opening = yield* Opening
  return [
    {
      name: "sealog_seals_total",
      help: "Envelopes sealed: entries at append, values at apply",
      type: "counter",
      series: seriesOf("envelope", counters.seals)
    },
    {
      name: "sealog_opens_total",
      help: "Envelopes opened",
      type: "counter",
      series: seriesOf("envelope", counters.opens)
    },
    {
      name: "sealog_open_failures_total",
      help: "Envelopes that did not open, by reason",
      type: "counter",
      series: (["raft", "storage"] as const).flatMap((envelope) =>
        seriesOf("reason", counters.openFailures[envelope], { envelope })
      )
    },
    gauge("sealog_encryption_phase", "0 plain, 1 values sealed, 2 log sealed too", () =>
      SidecarState.phase(applier.sidecar)
    ),
    gauge(
      "sealog_cutover_index",
      "Entries above this index are sealed; 0 before the cutover",
      () => applier.sidecar.raftEnvelopeCutoverIndex
    ),
    gauge(
      "sealog_nonce_write_count",
      "Write count in the last nonce of the log of this opening",
      () => counters.nonceWriteCount
    ),
    gauge(
      "sealog_local_epoch",
      "Epoch of this opening under the active raft DEK; 0 before it has one",
      () => opening.currentEpoch(applier.sidecar.active.raft) ?? 0
    )
  ] satisfies Families
})

const cutover = Effect.gen(function* () {
  const { counters } = yield* Telemetry
  const barrier = yield* QuiescenceBarrier
  return [
    {
      name: "sealog_cutovers_total",
      help: "Runs of the cutover on this node, by how they ended",
      type: "counter",
      series: seriesOf("end", counters.cutovers)
    },
    gauge("sealog_barrier_closed", "1 while user requests are held off by a cutover", () =>
      flag(barrier.state().isClosed)
    ),
    gauge(
      "sealog_barrier_closed_for_seconds",
      "How long the barrier has been closed by now; 0 while it is open",
      () => (barrier.closedForMillis() ?? 0) / 1_000
    ),
    counter(
      "sealog_barrier_closed_seconds_total",
      "How long cutovers that have ended kept the barrier closed",
      () => counters.barrierClosedSeconds
    ),
    {
      name: "sealog_cutover_step_seconds_total",
      help: "How long each step of the cutovers that have ended on this node took",
      type: "counter",
      series: seriesOf("step", counters.cutoverStepSeconds)
    },
    gauge(
      "sealog_barrier_in_flight",
      "User requests admitted and not yet applied or failed",
      () => barrier.state().inflightCount
    )
  ] satisfies Families
})

const identity = Effect.gen(function* () {
  const { bootCount } = yield* Opening
  return [
    gauge(
      "sealog_boot_count",
      "Openings of the data directory, this one included",
      () => bootCount
    ),
    {
      name: "sealog_build_info",
      help: "1; the labels say what is running",
      type: "gauge",
      series: [{ labels: { version, node_version: process.version }, read: () => 1 }]
    }
  ] satisfies Families
})

const space = Effect.gen(function* () {
  const { freeBytes } = yield* FreeSpace
  const { freeBytesHalt, freeBytesMin } = yield* NodeConfig
  return [
    gauge("sealog_free_bytes", "Free bytes of the disk under the data directory", freeBytes),
    {
      name: "sealog_free_bytes_mark",
      help: "Free bytes below which users' requests are refused, and below which the node stops",
      type: "gauge",
      series: [
        { labels: { mark: "refuse" }, read: () => freeBytesMin },
        { labels: { mark: "halt" }, read: () => freeBytesHalt }
      ]
    }
  ] satisfies Families
})

/** All families of the node in this context. */
export const families = Effect.gen(function* () {
  const telemetry = yield* Telemetry
  const groups: ReadonlyArray<Families> = [
    yield* identity,
    yield* raft,
    proposals(telemetry),
    log(telemetry),
    yield* encryption,
    yield* cutover,
    yield* space
  ]
  return groups.flat()
})

/** Registers them while the node is open. */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { groupId, nodeName } = yield* Opening
    const labels = { node: nodeName, group: String(groupId) }
    yield* MetricFamily.register(yield* families, labels)
  })
)
