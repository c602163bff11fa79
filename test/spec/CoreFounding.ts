/**
 * What the nodes that replay traces of the model are made of: three voters in phase 1, with one raft DEK
 * and another one that a rotation brings.
 */
import * as Effect from "effect/Effect"
import type { Applier } from "../../src/domain/apply/Applier.ts"
import { ReplicatedState } from "../../src/domain/apply/ReplicatedState.ts"
import type { Rotate } from "../../src/domain/encryption/Command.ts"
import * as WriterRegistry from "../../src/domain/encryption/WriterRegistry.ts"
import {
  type Incarnation,
  KeyId,
  type LocalEpoch,
  type LogIndex,
  type MemberId,
  type NodeName,
  type OpeningId,
  type ProposalId,
  type Revision,
  type Term
} from "../../src/domain/Ids.ts"
import type { LogReader } from "../../src/domain/raft/LogReader.ts"
import * as Membership from "../../src/domain/raft/Membership.ts"
import * as Raft from "../../src/domain/raft/Raft.ts"
import type { Snapshot } from "../../src/domain/raft/Snapshot.ts"
import type { StateReader } from "../../src/domain/state/StateTransaction.ts"
import { Counters } from "../../src/domain/telemetry/Counters.ts"
import type { RaftEngineDriver } from "../../src/layers/RaftEngineDriver.ts"
import type { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import * as Replica from "../domain/apply/Replica.ts"
import type { EntryView } from "./NodeView.ts"

export const { clusterId, groupId } = Replica
export const ids = [1, 2, 3]
export const membership = Membership.make(
  ids.map((id) => id as MemberId),
  []
)

const { raftKeyId: firstKeyId, storageKeyId } = Replica
const secondKeyId = KeyId.make(10)
export const keys = Replica.holding(
  Replica.storageKey,
  Replica.raftKey,
  Replica.dataKey(secondKeyId, "raft")
)
/** The model's number of a raft DEK. */
export const modelKey = (keyId: KeyId): number => (keyId === firstKeyId ? 0 : 1)
/** Nothing unwraps it: every node holds the key already. */
const wrapped = Buffer.alloc(61)
export const rotation: Rotate = {
  _tag: "Rotate",
  purpose: "raft",
  replaces: firstKeyId,
  keyId: secondKeyId,
  wrapped
}

/** Of a compacted entry nothing is left to be compared. */
export const compactedEntry: EntryView = { kind: "Noop", term: 0, key: 0, isSealed: false }

export const noRows: StateReader = { get: () => undefined, range: () => [] }

const identityOf = (id: number) => ({
  nodeName: `n${id}` as NodeName,
  incarnation: `${id}`.repeat(32) as Incarnation
})
const openingIdOf = (id: number) => `${id}`.repeat(32) as OpeningId
const epoch = 1 as LocalEpoch

/** Phase 1, nothing applied; every node is registered for both DEKs. */
export function state(): ReplicatedState {
  const registrations = [firstKeyId, secondKeyId].flatMap((keyId) =>
    ids.map((id) => ({ ...identityOf(id), keyId, epoch, openingId: openingIdOf(id) }))
  )
  const storageKey = { id: storageKeyId, purpose: "storage" as const }
  const raftKey = { id: firstKeyId, purpose: "raft" as const }
  const created = { clusterId, wrapped, createdIndex: 1 as LogIndex }
  const members = ids.map((id) => ({ ...identityOf(id), id: id as MemberId, address: undefined }))
  return new ReplicatedState({
    groupId,
    sidecar: {
      clusterId,
      keys: [
        { ...storageKey, ...created },
        { ...raftKey, ...created }
      ],
      active: { storage: storageKeyId, raft: firstKeyId },
      storageEnvelopeIndex: 1 as LogIndex,
      storageEnvelopeRevision: 0 as Revision,
      raftEnvelopeCutoverIndex: 0 as LogIndex
    },
    registry: registrations.reduce(
      (registry, registration) => WriterRegistry.register(registry, registration).registry,
      WriterRegistry.empty
    ),
    members: {
      configuration: membership,
      byId: new Map(members.map((member) => [member.id, member])),
      nextMemberId: 4 as MemberId
    },
    applied: { index: 0 as LogIndex, term: 0 as Term, revision: 0 as Revision },
    sidecarChecksum: 0
  })
}

export const snapshotOf = ({ applied: { index, term } }: ReplicatedState): Snapshot => ({
  index,
  term,
  membership
})

/** Nobody campaigns by itself, and a message takes everything there is. */
export const core = (options: {
  readonly id: number
  readonly log: LogReader
  readonly applied: LogIndex
}): Raft.Raft =>
  Raft.make({
    ...options,
    id: options.id as MemberId,
    electionTicks: 10,
    heartbeatTicks: 1,
    randomizedElectionTicks: () => Number.POSITIVE_INFINITY,
    messageBytesMax: 1_000_000,
    inflightMessagesMax: 1_000,
    inflightBytesMax: Number.POSITIVE_INFINITY,
    uncommittedBytesMax: Number.POSITIVE_INFINITY,
    committedBytesPerReadyMax: 1_000_000,
    preVote: false,
    checkQuorum: false,
    stepDownOnRemoval: true
  })

type DriverParts = ConstructorParameters<typeof RaftEngineDriver>[0]

export const driverParts = (
  id: number,
  parts: {
    readonly raft: Raft.Raft
    readonly applier: Applier
    readonly barrier: QuiescenceBarrier["Service"]
  }
): DriverParts => ({
  ...parts,
  opening: {
    ...identityOf(id),
    memberId: id as MemberId,
    clusterId,
    groupId,
    openingId: openingIdOf(id),
    bootCount: 1,
    epochFor: () => Effect.succeed(epoch),
    currentEpoch: () => epoch,
    newestEpoch: () => ({ epoch, takenBy: openingIdOf(id) })
  },
  keystore: {
    hasKek: true,
    encryption: "ready",
    get: keys,
    unwrap: () => Effect.void,
    prove: () => Effect.succeed([]),
    proven: () => Effect.succeed(new Set()),
    draw: () => Effect.die("nobody draws a key here")
  },
  telemetry: {
    counters: new Counters(),
    depths: { inboxCount: () => 0, pendingCount: () => 0, pendingBytes: () => 0 },
    report: () => {}
  },
  transport: {
    send: () => {},
    attach: () => {},
    setPeers: () => {},
    sendSnapshot: () => Effect.die("the cluster hands snapshots over"),
    connections: () => []
  },
  settings: {
    electionTicks: 10,
    inboxCountMax: 100,
    readTimeoutMillis: 1_000,
    receivedBytesMax: 1_000_000,
    tickMillis: 100
  },
  firstProposalId: BigInt(id * 1_000) as ProposalId,
  firstReadId: 0n
})
