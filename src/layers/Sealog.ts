/**
 * The node as an embedder composes it: the same assembly as `sealog serve`, with a narrower type.
 *
 * A program over {@link Services} runs unchanged on LMDB and on memory: both layers require the same,
 * a state machine and a KEK provider. What must never happen: two nodes of one program that share a
 * part; a part of the node in these types that we would not keep stable. Proof:
 * `test/layers/Sealog.test.ts`, `test/examples/Embedded.test.ts`.
 */
import * as Layer from "effect/Layer"
import type { ListenFailure } from "../domain/api/Errors.ts"
import type {
  EnvelopeCutoverDivergence,
  KekMismatch,
  KekUnavailable,
  SealedStateNotEnabled,
  SidecarInconsistent,
  SidecarOfAnotherCommit
} from "../domain/encryption/Errors.ts"
import type { NodeName } from "../domain/Ids.ts"
import type { AdmissionRefused } from "../domain/peer/Errors.ts"
import type {
  AppliedIndexOutsideLog,
  DataDirectoryFailure,
  DataDirectoryLocked,
  DirectoryOfAnotherCluster,
  DirectoryOfAnotherNode,
  DiskFullFailure,
  FileSystemNotDurable,
  FormatVersionUnknown
} from "../domain/state/Errors.ts"
import type { Csprng } from "../services/Csprng.ts"
import type { Cutover } from "../services/Cutover.ts"
import type { EncryptionAdmin } from "../services/EncryptionAdmin.ts"
import type { EngineFailure } from "../services/EngineFailure.ts"
import type { KekProvider } from "../services/KekProvider.ts"
import type { KvStore } from "../services/KvStore.ts"
import type { NodeSettings } from "../services/NodeConfig.ts"
import type { NodeStatus } from "../services/NodeStatus.ts"
import type { Replica } from "../services/Replica.ts"
import type { StateMachine } from "../services/StateMachine.ts"
import * as AdmissionAlone from "./AdmissionAlone.ts"
import * as CsprngNode from "./CsprngNode.ts"
import type { MemoryDisk } from "./MemoryDisk.ts"
import * as Node from "./Node.ts"
import * as NodeConfigLive from "./NodeConfigLive.ts"
import * as NodeFront from "./NodeFront.ts"
import * as NodeMemory from "./NodeMemory.ts"
import * as TransportNone from "./TransportNone.ts"

/** What a node is to the program it is embedded in. */
export type Services = Replica | EncryptionAdmin | Cutover | NodeStatus

/** Why a node does not start: each guard of SPEC §17, typed, before anything is served. */
export type StartFailure =
  | EngineFailure
  | AdmissionRefused
  | AppliedIndexOutsideLog
  | DataDirectoryFailure
  | DataDirectoryLocked
  | DirectoryOfAnotherCluster
  | DirectoryOfAnotherNode
  | DiskFullFailure
  | EnvelopeCutoverDivergence
  | FileSystemNotDurable
  | FormatVersionUnknown
  | KekMismatch
  | KekUnavailable
  | ListenFailure
  | SealedStateNotEnabled
  | SidecarInconsistent
  | SidecarOfAnotherCommit

/** What every node needs. */
export interface Options {
  /** `NodeName.make("ledger-1")`; a data directory keeps the name it was created under. */
  readonly nodeName: NodeName
  /** Bounds and time-outs; those not given have their default. */
  readonly settings?: Partial<NodeSettings> | undefined
}

/** A node on LMDB. */
export interface LmdbOptions extends Options {
  /** Created with mode 0700 if it is not there; locked while the layer lives. */
  readonly directory: string
}

/** A node in memory. */
export interface MemoryOptions extends Options {
  /** Outlives the layer: build another layer on it to open the node again. */
  readonly disk: MemoryDisk
  /** Where key ids, keys and identities come from; the operating system, if not given. */
  readonly csprng?: Layer.Layer<Csprng> | undefined
}

/** A node with your own state machine on LMDB, with one voter. */
export const layer = (
  options: LmdbOptions
): Layer.Layer<Services, StartFailure, StateMachine | KekProvider> =>
  own(options).pipe(Layer.provide(onLmdb(options)), Node.isolated)

/** A node with the key-value store on LMDB, with one voter. */
export const layerKv = (
  options: LmdbOptions
): Layer.Layer<Services | KvStore, StartFailure, KekProvider> =>
  ownKv(options).pipe(Layer.provide(onLmdb(options)), Node.isolated)

/** The memory twin of {@link layer}: the same guards and failures, no files and no real time. */
export const layerMemory = (
  options: MemoryOptions
): Layer.Layer<Services, StartFailure, StateMachine | KekProvider> =>
  own(options).pipe(Layer.provide(inMemory(options)), Node.isolated)

/** The memory twin of {@link layerKv}. */
export const layerKvMemory = (
  options: MemoryOptions
): Layer.Layer<Services | KvStore, StartFailure, KekProvider> =>
  ownKv(options).pipe(Layer.provide(inMemory(options)), Node.isolated)

/** A program's own calls are as patient as those of RPC clients. */
const own = (options: Options) =>
  Layer.provideMerge(NodeFront.administration, Node.replica(options))

const ownKv = (options: Options) => Layer.provideMerge(NodeFront.layer, Node.replicaKv(options))

const onLmdb = (options: LmdbOptions) =>
  Layer.mergeAll(Node.stores(options), alone).pipe(
    Layer.provideMerge(Layer.mergeAll(CsprngNode.layer, NodeConfigLive.layer(options.settings)))
  )

const inMemory = (options: MemoryOptions) =>
  Layer.mergeAll(NodeMemory.stores(options), alone).pipe(
    Layer.provideMerge(
      Layer.mergeAll(options.csprng ?? CsprngNode.layer, NodeConfigLive.layer(options.settings))
    )
  )

/** One voter, no peers. */
const alone = Layer.mergeAll(TransportNone.layer, AdmissionAlone.layer())
