/**
 * A cluster in one process: nodes on memory disks over one memory network, each opened, closed and
 * crashed on its own.
 *
 * The first nodes are the founders; any other is admitted once the members know it, as `serve --join`
 * does. No time and no chance of its own, so that a simulated scheduler can run it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import type { WriterIdentity } from "../../src/domain/encryption/WriterIdentity.ts"
import type { ClusterId, MemberId, NodeName } from "../../src/domain/Ids.ts"
import { invariant } from "../../src/domain/Invariant.ts"
import type { Member } from "../../src/domain/members/Member.ts"
import * as CapabilityLive from "../../src/layers/CapabilityLive.ts"
import * as KekProviderNone from "../../src/layers/KekProviderNone.ts"
import * as KeystoreLive from "../../src/layers/KeystoreLive.ts"
import * as MemberChallengeMemory from "../../src/layers/MemberChallengeMemory.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { MemoryNetwork } from "../../src/layers/MemoryNetwork.ts"
import * as Node from "../../src/layers/Node.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import * as NodeMemory from "../../src/layers/NodeMemory.ts"
import * as TransportMemory from "../../src/layers/TransportMemory.ts"
import { Admission, type Admitted } from "../../src/services/Admission.ts"
import { Applier } from "../../src/services/Applier.ts"
import type { NodeSettings } from "../../src/services/NodeConfig.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { csprng, kek } from "./MemoryNode.ts"
import { type Swap, SwappedLayers } from "./SwappedLayers.ts"

export const clusterId = "c".repeat(32) as ClusterId

export interface MemoryClusterOptions {
  /** Voters from the first entry on, in order: the first one has member id 1. */
  readonly founders: ReadonlyArray<string>
  readonly seed?: number
  readonly settings?: Partial<NodeSettings>
  readonly loggers?: ReadonlyArray<Logger.Logger<unknown, unknown>>
  /** Of every byte of the KEK with which a node is opened next, if it is not that of all others. */
  readonly kekValueOf?: (name: string) => number | "none" | undefined
  /** A disk that is watched, instead of a plain one. */
  readonly makeDisk?: (name: string) => MemoryDisk
  /** Stores with a bug planted in them, instead of the plain ones. */
  readonly stores?: typeof NodeMemory.stores
  /** What stands in the place of a node's services. */
  readonly swaps?: (name: string) => ReadonlyArray<Swap>
}

/** While it waits it can be asked whether it could use the keys, as at the port of `serve --join`. */
const admission = (cluster: MemoryCluster) =>
  Layer.effect(
    Admission,
    Effect.map(CapabilityLive.ofNewcomer, (capabilityOf) => ({
      admit: (node) =>
        Effect.scoped(
          Effect.andThen(
            cluster.network.answers(node.nodeName, capabilityOf(node)),
            cluster.admit(node)
          )
        )
    }))
  ).pipe(Layer.provide(KeystoreLive.layer))

const nodeLayer = (cluster: MemoryCluster, name: string, seed: number) =>
  Node.replicaKvOver({
    nodeName: name as NodeName,
    peers: Layer.merge(
      TransportMemory.layer({ network: cluster.network }),
      MemberChallengeMemory.layer({ network: cluster.network })
    )
  }).pipe(
    Layer.provideMerge((cluster.options.stores ?? NodeMemory.stores)({ disk: cluster.disk(name) })),
    Layer.provide(admission(cluster)),
    Layer.provide(kekOf(cluster.options.kekValueOf?.(name))),
    Layer.provideMerge(csprng(seed)),
    Layer.provideMerge(NodeConfigLive.layer(cluster.options.settings)),
    Layer.provide(Logger.layer(cluster.options.loggers ?? []))
  )

const kekOf = (value: number | "none" | undefined) =>
  value === "none" ? KekProviderNone.layer : kek(value)

export type NodeServices = Layer.Success<ReturnType<typeof nodeLayer>>

interface OpenNode {
  readonly scope: Scope.Closeable
  readonly services: Context.Context<NodeServices>
}

/** Mutable: one per test. */
export class MemoryCluster {
  readonly options: MemoryClusterOptions
  readonly network = new MemoryNetwork()
  private readonly disks = new Map<string, MemoryDisk>()
  private readonly open = new Map<string, OpenNode>()
  private readonly introduced = new Map<string, WriterIdentity>()
  private openings = 0

  constructor(options: MemoryClusterOptions) {
    this.options = options
  }

  disk(name: string): MemoryDisk {
    const disk = this.disks.get(name) ?? this.options.makeDisk?.(name) ?? new MemoryDisk()
    this.disks.set(name, disk)
    return disk
  }

  get openNames(): ReadonlyArray<string> {
    return [...this.open.keys()]
  }

  /** Of a node that is open. */
  services(name: string): Context.Context<NodeServices> {
    const node = this.open.get(name)
    if (node === undefined) throw new Error(`${name} is not open`)
    return node.services
  }

  engine(name: string): RaftEngine["Service"] {
    return Context.get(this.services(name), RaftEngine)
  }

  applier(name: string): Applier["Service"] {
    return Context.get(this.services(name), Applier)
  }

  /** Runs it with the services of an open node. */
  on<A, E, R extends NodeServices>(name: string, effect: Effect.Effect<A, E, R>) {
    return Effect.suspend(() => Effect.provideContext(effect, this.services(name)))
  }

  /** Returns once every guard has passed; a new node waits to be admitted. */
  start(name: string) {
    return Effect.gen({ self: this }, function* () {
      const scope = yield* Scope.make()
      this.openings += 1
      const seed = 1_000 * (this.options.seed ?? 1) + this.openings
      // A memo map of its own: two nodes share no part.
      const layers = new SwappedLayers(this.options.swaps?.(name) ?? [])
      const services = yield* Effect.onError(
        Layer.buildWithMemoMap(nodeLayer(this, name, seed), layers, scope),
        (cause) => Scope.close(scope, Exit.failCause(cause))
      )
      invariant(layers.unused.length === 0, `no layer gives ${layers.unused.join(", ")}`)
      this.open.set(name, { scope, services })
    })
  }

  startAll(...names: ReadonlyArray<string>) {
    const wanted = names.length > 0 ? names : this.options.founders
    return Effect.forEach(wanted, (name) => this.start(name), {
      concurrency: "unbounded",
      discard: true
    })
  }

  /** Closes it in good order. */
  stop(name: string) {
    return Effect.suspend(() => {
      const node = this.open.get(name)
      this.open.delete(name)
      return node === undefined ? Effect.void : Scope.close(node.scope, Exit.void)
    })
  }

  /**
   * Their power goes, of all in one moment: nothing reaches their disks from here on. `keptCommits` says
   * how many of so many unflushed commits of the state a disk keeps.
   */
  crash(names: ReadonlyArray<string>, keptCommits: (unflushed: number) => number) {
    return Effect.gen({ self: this }, function* () {
      for (const name of names) {
        const disk = this.disk(name)
        disk.crash({ keptCommits: keptCommits(disk.unflushedCommits) })
        // Held, until nothing of the opening that was cut short is left.
        disk.isOpen = true
      }
      for (const name of names) {
        yield* this.stop(name)
        this.disk(name).isOpen = false
      }
    })
  }

  /** Who leads by its own account, the one of the newest term first. */
  leader(): string | undefined {
    const leading = this.openNames
      .map((name) => ({ name, ...this.engine(name).status() }))
      .filter(({ role }) => role === "Leader")
    return leading.toSorted((a, b) => b.term - a.term)[0]?.name
  }

  /** Who takes requests in. */
  readyLeader(): string | undefined {
    const leader = this.leader()
    if (leader === undefined) return undefined
    return this.engine(leader).intake()._tag === "Open" ? leader : undefined
  }

  /** How a node that is no member yet has introduced itself. */
  introductionOf(name: string): WriterIdentity | undefined {
    return this.introduced.get(name)
  }

  memberId(name: string): MemberId {
    return this.engine(name).status().id
  }

  admit(node: WriterIdentity): Effect.Effect<Admitted> {
    return Effect.gen({ self: this }, function* () {
      this.introduced.set(node.nodeName, node)
      const { founders } = this.options
      const position = founders.indexOf(node.nodeName)
      while (position >= 0 && founders.some((name) => !this.introduced.has(name))) {
        yield* Effect.sleep(1)
      }
      if (position >= 0) {
        const founding = position === 0 ? this.founding() : undefined
        return { clusterId, memberId: (position + 1) as MemberId, founding }
      }
      for (;;) {
        const known = this.knownMembers().find(
          ({ incarnation }) => incarnation === node.incarnation
        )
        if (known !== undefined) return { clusterId, memberId: known.id, founding: undefined }
        yield* Effect.sleep(50)
      }
    })
  }

  /** As it would be described by a change that adds it. */
  described(name: string, id: MemberId): Member {
    return { id, ...this.introduced.get(name)!, address: addressOf(id) }
  }

  private founding(): ReadonlyArray<Member> {
    return this.options.founders.map((name, at) => this.described(name, (at + 1) as MemberId))
  }

  private knownMembers(): ReadonlyArray<Member> {
    return this.openNames.flatMap((name) => [...this.applier(name).members.byId.values()])
  }
}

const addressOf = (id: number) => ({ host: "127.0.0.1", port: 7_000 + id })
