/**
 * One node, assembled: what `sealog serve` runs and an embedder composes (HOUSE-STYLE: layers only).
 *
 * The order is the order of start-up, and its reverse the order of shutdown: data directory → log and
 * state → opening → keys → applied state → peer port → engine → coordinator → what users call. Every
 * guard of SPEC §17 is in one of the layers below the peer port, so all are passed before a port is
 * opened; but a new directory that founds a cluster listens for it first, when there is nothing to guard.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { GroupId, NodeName } from "../domain/Ids.ts"
import * as Limits from "../domain/Limits.ts"
import type { Admission } from "../services/Admission.ts"
import type { Csprng } from "../services/Csprng.ts"
import { FreeSpace } from "../services/FreeSpace.ts"
import type { Keystore } from "../services/Keystore.ts"
import type { MemberChallenge } from "../services/MemberChallenge.ts"
import type { NodeConfig, NodeSettings } from "../services/NodeConfig.ts"
import { PeerAddress } from "../services/PeerAddress.ts"
import type { Telemetry } from "../services/Telemetry.ts"
import type { Transport } from "../services/Transport.ts"
import * as AdministrationTurnLive from "./AdministrationTurnLive.ts"
import * as AdmissionAlone from "./AdmissionAlone.ts"
import * as ApplierLive from "./ApplierLive.ts"
import * as CapabilityGateLive from "./CapabilityGateLive.ts"
import * as CapabilityLive from "./CapabilityLive.ts"
import * as ClusterAdminLive from "./ClusterAdminLive.ts"
import * as CoordinatorLive from "./CoordinatorLive.ts"
import * as CsprngNode from "./CsprngNode.ts"
import * as CutoverLive from "./CutoverLive.ts"
import * as DataDirectoryLock from "./DataDirectoryLock.ts"
import * as EncryptionAdminLive from "./EncryptionAdminLive.ts"
import * as FileSystemGuard from "./FileSystemGuard.ts"
import * as FreeSpaceStatfs from "./FreeSpaceStatfs.ts"
import * as IntroductionsLive from "./IntroductionsLive.ts"
import * as KeystoreLive from "./KeystoreLive.ts"
import * as KvStoreLive from "./KvStoreLive.ts"
import * as LogCompactionLive from "./LogCompactionLive.ts"
import * as LogEnvironmentLmdb from "./LogEnvironmentLmdb.ts"
import * as MemberChallengeNone from "./MemberChallengeNone.ts"
import * as MemberChallengeSocket from "./MemberChallengeSocket.ts"
import * as NodeConfigLive from "./NodeConfigLive.ts"
import * as NodeMetrics from "./NodeMetrics.ts"
import * as NodeStatusLive from "./NodeStatusLive.ts"
import * as OpeningLive from "./OpeningLive.ts"
import * as PeerAddressLive from "./PeerAddressLive.ts"
import * as PeerAddressUpdate from "./PeerAddressUpdate.ts"
import * as QuiescenceBarrierLive from "./QuiescenceBarrierLive.ts"
import * as RaftEngineLive from "./RaftEngineLive.ts"
import * as ReplicaLive from "./ReplicaLive.ts"
import * as SessionExpiryLive from "./SessionExpiryLive.ts"
import * as StateMachineKv from "./StateMachineKv.ts"
import * as StateStoreLmdb from "./StateStoreLmdb.ts"
import * as TelemetryLive from "./TelemetryLive.ts"
import * as TransportNone from "./TransportNone.ts"
import * as TransportSocket from "./TransportSocket.ts"
import * as WrapFlagLive from "./WrapFlagLive.ts"

export const groupId = 0 as GroupId

/** Address space, not disk space: the files grow as they are written. */
export const mapSizeBytes = 64 * 1024 * Limits.mebibyte

/**
 * Keeps a node's parts its own. A layer is built once in a program, by its identity, and most parts of
 * a node are constants: without this a second node would get the engine and the log of the first. The
 * node as a whole is still built once, wherever the same layer is provided.
 */
export const isolated = <A, E, R>(node: Layer.Layer<A, E, R>): Layer.Layer<A, E, R> =>
  Layer.suspend(() => Layer.fresh(node))

/** What decides and what is decided with, above the transport and the state. */
const replication = Layer.mergeAll(
  ReplicaLive.layer,
  EncryptionAdminLive.layer,
  ClusterAdminLive.layer,
  IntroductionsLive.attached
).pipe(
  Layer.provideMerge(CutoverLive.layer),
  Layer.provideMerge(Layer.mergeAll(CapabilityGateLive.layer, AdministrationTurnLive.layer)),
  Layer.provideMerge(Layer.mergeAll(NodeMetrics.layer, SessionExpiryLive.layer)),
  Layer.provideMerge(CoordinatorLive.layer),
  Layer.provideMerge(NodeStatusLive.layer),
  Layer.provideMerge(RaftEngineLive.layer)
)

/** The state as it was applied; its guards pass before the transport opens a port. */
const state = LogCompactionLive.layer({ groupId }).pipe(
  Layer.provideMerge(ApplierLive.layer),
  Layer.provideMerge(Layer.mergeAll(WrapFlagLive.layer, QuiescenceBarrierLive.layer)),
  Layer.provideMerge(KeystoreLive.layer)
)

interface Named {
  readonly nodeName: NodeName
}

/** Whom it talks to, and how it asks them what they can do. */
type Peers = Transport | MemberChallenge

/** Requires an admission, which may tell what it waits for. */
const opened = (options: Named) =>
  IntroductionsLive.layer.pipe(Layer.provideMerge(OpeningLive.layer(options)))

const telemetry = (options: Named) => TelemetryLive.layer({ ...options, groupId })

/**
 * Everything above the stores and the transport, for any state machine; requires those, a KEK
 * provider and the machine.
 */
export const replica = (options: Named) =>
  replicaOver({ ...options, peers: MemberChallengeNone.layer })

/** The same over peers that have to know who this node is, and what it has applied. */
export const replicaOver = <A, E, R>(options: Named & { readonly peers: Layer.Layer<A, E, R> }) =>
  replication.pipe(
    Layer.provideMerge(options.peers),
    Layer.provideMerge(CapabilityLive.layer),
    Layer.provideMerge(state),
    Layer.provideMerge(opened(options)),
    Layer.provideMerge(telemetry(options))
  )

/** A replica whose state machine is the key-value store, with that store as a service. */
export const replicaKv = (options: { readonly nodeName: NodeName }) =>
  KvStoreLive.layer.pipe(
    Layer.provideMerge(replica(options)),
    Layer.provideMerge(StateMachineKv.layer)
  )

/** The same over peers that have to know who this node is. */
export const replicaKvOver = <E, R>(
  options: Named & { readonly peers: Layer.Layer<Peers, E, R> }
) =>
  KvStoreLive.layer.pipe(
    Layer.provideMerge(replicaOver(options)),
    Layer.provideMerge(StateMachineKv.layer)
  )

/** The log first: it says which state is its own. */
const environments = (space?: StateStoreLmdb.Space) => {
  const options = { groupId, mapSizeBytes }
  return StateStoreLmdb.layer({ ...options, space }).pipe(
    Layer.provideMerge(LogEnvironmentLmdb.layer({ ...options, shortage: space?.shortage }))
  )
}

/** Both LMDB environments of one directory, the space there is for them, and its lock. */
export const stores = (options: { readonly directory: string }) =>
  Layer.unwrap(Effect.map(FreeSpace, environments)).pipe(
    Layer.provide(FileSystemGuard.layer),
    Layer.provideMerge(FreeSpaceStatfs.layer),
    Layer.provide(DataDirectoryLock.layer(options))
  )

/** The environments and the lock alone, for who only reads: also on a disk that is full. */
export const storesOffline = (options: { readonly directory: string }) =>
  environments().pipe(Layer.provide(DataDirectoryLock.layer(options)))

/** How a node finds its cluster and its peers. */
export interface Peering<E> {
  /** How a new directory comes into a cluster. */
  readonly admission: Layer.Layer<Admission, E, Csprng | Keystore | NodeConfig | Telemetry>
  /** Where the command line says that it listens for its peers. */
  readonly address: PeerAddressLive.Options
  /** `HOST:PORT` at which it serves clients; no peer is talked to before it is known. */
  readonly clientEndpoint: Effect.Effect<string | undefined>
}

/** TCP, if the node has an address for its peers. */
const peers = ({ address, clientEndpoint }: Omit<Peering<never>, "admission">) =>
  Layer.unwrap(
    Effect.map(PeerAddress, ({ address: listen }) =>
      listen === undefined ? TransportNone.layer : TransportSocket.layer({ listen, clientEndpoint })
    )
  ).pipe(
    Layer.provideMerge(MemberChallengeSocket.layer),
    Layer.provideMerge(PeerAddressLive.layer(address))
  )

/** The KV store on LMDB in one directory, as a member of a cluster; requires a KEK provider. */
export const layerPeer = <E>(
  options: Named &
    Peering<E> & { readonly directory: string; readonly settings?: Partial<NodeSettings> }
) =>
  Layer.mergeAll(KvStoreLive.layer, PeerAddressUpdate.layer).pipe(
    Layer.provideMerge(replication),
    Layer.provideMerge(peers(options)),
    Layer.provideMerge(CapabilityLive.layer),
    Layer.provideMerge(state),
    // The keystore is the same one as above, by its identity: the KEK is loaded once.
    Layer.provideMerge(
      opened(options).pipe(Layer.provide(options.admission), Layer.provide(KeystoreLive.layer))
    ),
    Layer.provideMerge(telemetry(options)),
    Layer.provideMerge(StateMachineKv.layer),
    Layer.provideMerge(stores(options)),
    Layer.provideMerge(Layer.mergeAll(CsprngNode.layer, NodeConfigLive.layer(options.settings))),
    isolated
  )

/** The same with one voter and no peers. */
export const layer = (options: Named & { readonly directory: string }) =>
  replicaKv(options).pipe(
    Layer.provideMerge(Layer.mergeAll(TransportNone.layer, AdmissionAlone.layer())),
    Layer.provideMerge(stores(options)),
    Layer.provideMerge(Layer.mergeAll(CsprngNode.layer, NodeConfigLive.layer())),
    isolated
  )
