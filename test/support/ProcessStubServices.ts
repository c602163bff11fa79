/**
 * The services behind the RPC handlers, in memory and under the control of a test.
 *
 * For tests of what is in front of a node: sockets, handlers, patience, drain. A test scripts refusals
 * and delays through `answers`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Errors from "../../src/domain/encryption/Errors.ts"
import {
  type LeaderNotReady,
  NotLeader,
  type ProposalSuperseded,
  type ProposalTimedOut
} from "../../src/domain/engine/Errors.ts"
import type {
  ClusterId,
  Incarnation,
  KeyId,
  LogIndex,
  MemberId,
  NodeName,
  Revision,
  Term
} from "../../src/domain/Ids.ts"
import type { StoredValue } from "../../src/domain/machine/ValueStore.ts"
import { MembershipChangeInProgress } from "../../src/domain/members/Errors.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import * as QuiescenceBarrierLive from "../../src/layers/QuiescenceBarrierLive.ts"
import { ClusterAdmin } from "../../src/services/ClusterAdmin.ts"
import { Cutover, type CutoverDone, type CutoverFailure } from "../../src/services/Cutover.ts"
import { EncryptionAdmin } from "../../src/services/EncryptionAdmin.ts"
import { EncryptionSurvey } from "../../src/services/EncryptionSurvey.ts"
import { KvStore } from "../../src/services/KvStore.ts"
import { NodeConfig } from "../../src/services/NodeConfig.ts"
import { NodeStatus } from "../../src/services/NodeStatus.ts"
import { Transport } from "../../src/services/Transport.ts"

export type Refusal =
  | Errors.CutoverInFlight
  | LeaderNotReady
  | NotLeader
  | ProposalSuperseded
  | ProposalTimedOut

export interface Script {
  /** Member 2, as which the others know their leader, if not given. */
  readonly memberId?: number
  /** The same one for all, if not given. */
  readonly clusterId?: string
  /** Runs before each write is stored; fails to refuse it. */
  readonly beforeWrite: Effect.Effect<void, Refusal>
  /** What the cutover does; a bug in a handler, if not given. */
  readonly cutover?: Effect.Effect<CutoverDone, CutoverFailure>
  /** What enabling the storage envelope does; it was enabled just now, if not given. */
  readonly enableStorage?: EncryptionAdmin["Service"]["enableStorageEnvelope"]
  /** What a rotation does; a bug in a handler, if not given. */
  readonly rotateDek?: EncryptionAdmin["Service"]["rotateDek"]
  readonly dryRun?: Cutover["Service"]["dryRun"]
  /** The other members, and where they serve clients. */
  readonly peers?: () => ReadonlyArray<{ readonly peer: number; readonly endpoint: string }>
}

const kvStore = (script: Script) =>
  Layer.sync(KvStore, () => {
    const values = new Map<string, StoredValue>()
    let revision = 0 as Revision
    const nameOf = (key: Uint8Array) => Buffer.from(key).toString("hex")
    return KvStore.of({
      put: (key, value) =>
        Effect.map(script.beforeWrite, () => {
          revision = (revision + 1) as Revision
          const createRevision = values.get(nameOf(key))?.createRevision ?? revision
          values.set(nameOf(key), { value, revision, createRevision })
          return { revision }
        }),
      delete: (key) =>
        Effect.map(script.beforeWrite, () => {
          const deleted = values.delete(nameOf(key))
          if (deleted) revision = (revision + 1) as Revision
          return { revision, deleted }
        }),
      get: (key) => Effect.sync(() => values.get(nameOf(key))),
      range: () => Effect.die("ranges are tested against a node"),
      txn: () => Effect.die("transactions are tested against a node"),
      openSession: () => script.beforeWrite
    })
  })

const none = 0 as LogIndex

const memberIdOf = ({ memberId = 2 }: Script) => memberId as MemberId

/** Of every node that is not said to be of another one. */
export const clusterId = "1".repeat(32) as ClusterId

const administration = (script: Script) =>
  Layer.mergeAll(
    Layer.succeed(EncryptionAdmin, {
      enableStorageEnvelope:
        script.enableStorage ?? Effect.succeed({ index: 3 as LogIndex, wasAlreadyActive: false }),
      rotateDek: script.rotateDek ?? (() => Effect.die("rotations are tested against a node")),
      activeDek: () => Effect.succeed(7 as KeyId),
      status: () => ({
        nodeName: "stub" as NodeName,
        memberId: memberIdOf(script),
        incarnation: "0".repeat(32) as Incarnation,
        appliedIndex: none,
        phase: 0,
        hasKek: false,
        keys: [],
        storageEnvelopeIndex: none,
        cutoverIndex: none,
        isBarrierClosed: false,
        isWrapFlagSet: false
      })
    }),
    Layer.succeed(Cutover, {
      enableRaftEnvelope: script.cutover ?? Effect.die("a bug in a handler"),
      dryRun: script.dryRun ?? Effect.die("a bug in a handler"),
      state: () => {
        throw new Error("not asked for by the handlers")
      },
      timings: () => undefined
    }),
    Layer.succeed(EncryptionSurvey, { read: Effect.succeed([]) }),
    Layer.succeed(ClusterAdmin, {
      members: () => [],
      add: () => Effect.die("members are tested against a node"),
      promote: () => Effect.fail(new MembershipChangeInProgress({})),
      remove: () => Effect.fail(new NotLeader({ leader: 2 })),
      transferLeadership: () => Effect.die("members are tested against a node")
    }),
    Layer.succeed(NodeStatus, {
      read: () => ({
        nodeName: "stub" as NodeName,
        memberId: memberIdOf(script),
        incarnation: "0".repeat(32) as Incarnation,
        clusterId: (script.clusterId ?? clusterId) as ClusterId,
        bootCount: 1,
        role: "Leader",
        term: 1 as Term,
        lastIndex: none,
        commitIndex: none,
        appliedIndex: none,
        revision: 0 as Revision,
        phase: 0
      })
    })
  )

const transport = ({ peers = () => [] }: Script) =>
  Layer.succeed(Transport, {
    send: () => {},
    attach: () => {},
    setPeers: () => {},
    sendSnapshot: () => Effect.die("a stub has no snapshots"),
    connections: () =>
      peers().map(({ endpoint, peer }) => ({
        peer: peer as MemberId,
        endpoint,
        isConnected: true,
        bytesSent: 0,
        bytesReceived: 0,
        messagesDropped: 0
      }))
  })

/** A node that only answers; `proposalTimeoutMillis` bounds patience and drain. */
export const layer = (options: {
  readonly script: Script
  readonly proposalTimeoutMillis: number
}) =>
  Layer.mergeAll(
    kvStore(options.script),
    administration(options.script),
    transport(options.script),
    QuiescenceBarrierLive.layer,
    Layer.succeed(NodeConfig, {
      ...NodeConfigLive.defaults,
      proposalTimeoutMillis: options.proposalTimeoutMillis
    })
  )
