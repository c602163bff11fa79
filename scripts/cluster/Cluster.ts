/**
 * A cluster of real processes on loopback, started, killed and restarted as an operator would.
 *
 * The addresses for members and for clients are chosen once, so that a node that comes back is found
 * where it was. Waits on answers of the nodes, never on time alone.
 */
import { join } from "node:path"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Endpoint from "../../src/domain/api/Endpoint.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as NodeProcess from "../demo/NodeProcess.ts"
import { answered } from "./Asking.ts"
import { keptPorts } from "./KeptPort.ts"

/** The cluster did not get where it should have within its time. */
export class ClusterStuck extends Data.TaggedError("ClusterStuck")<{ readonly message: string }> {}

export interface Options {
  /** Each node has its data in a directory of its name under it. */
  readonly directory: string
  readonly names: ReadonlyArray<string>
  readonly kekFile?: string
  /** Further arguments of every `serve`. */
  readonly flags?: ReadonlyArray<string>
}

/** How one node is started otherwise than the cluster was founded. */
export interface Start {
  /** In the place of the flags that found a cluster. */
  readonly flags?: ReadonlyArray<string>
  readonly kekFile?: string
}

export type Running = Effect.Success<ReturnType<typeof NodeProcess.serve>>

/** How long the cluster may take to do anything that it is waited for. */
const patienceMillis = 60_000

/** Asks until there is an answer, within the patience there is. */
export const until = <A, E, R>(
  what: string,
  ask: Effect.Effect<A | undefined, E, R>
): Effect.Effect<A, ClusterStuck, R> =>
  Effect.timeoutOrElse(answered(ask), {
    duration: patienceMillis,
    orElse: () => Effect.fail(new ClusterStuck({ message: `no ${what} in ${patienceMillis} ms` }))
  })

/** What a node says of itself; fails if it does not answer. */
export const statusAt = (endpoint: Endpoint.Endpoint) =>
  Effect.scoped(Effect.flatMap(RpcClientSocket.connect(endpoint), ({ status }) => status)).pipe(
    Effect.timeout(2_000)
  )

/** How often another node began to lead, as those tell that have ended. */
export const leaderChanges = (ended: ReadonlyArray<NodeProcess.Ended>): number =>
  ended.reduce((sum, { stderr }) => sum + stderr.split("event=LeadershipGained").length - 1, -1)

/** Where each node is, and how it is started there. */
const makePlaces = Effect.fnUntraced(function* (options: Options) {
  const ports = yield* keptPorts(2 * options.names.length)
  const loopback = (at: number): Endpoint.Endpoint => ({ host: "127.0.0.1", port: ports[at]! })
  const places = new Map(
    options.names.map((nodeName, at) => [
      nodeName,
      { peer: loopback(2 * at), client: loopback(2 * at + 1) }
    ])
  )
  const peerOf = (nodeName: string) => Endpoint.format(places.get(nodeName)!.peer)
  const bootstrap = options.names.map((name) => `${name}=${peerOf(name)}`).join(",")
  const serveOptions = (nodeName: string, start: Start = {}): NodeProcess.ServeOptions => {
    const kekFile = start.kekFile ?? options.kekFile
    return {
      directory: join(options.directory, nodeName),
      nodeName,
      listen: Endpoint.format(places.get(nodeName)!.client),
      ...(kekFile === undefined ? {} : { kekFile }),
      flags: start.flags ?? ["--bootstrap", bootstrap, ...(options.flags ?? [])]
    }
  }
  return {
    endpointOf: (nodeName: string) => places.get(nodeName)!.client,
    peerOf,
    serveOptions
  }
})

/** Starts every node; returns when all of them serve. */
export const start = Effect.fnUntraced(function* (options: Options) {
  const { endpointOf, peerOf, serveOptions } = yield* makePlaces(options)
  const nodes = new Map<string, Running>()
  const ended: Array<NodeProcess.Ended> = []
  const scope = yield* Effect.scope
  /** A node lives as long as the cluster, whoever has started it. */
  const begin = (nodeName: string, start?: Start) =>
    Effect.map(Scope.provide(NodeProcess.serve(serveOptions(nodeName, start)), scope), (node) => {
      nodes.set(nodeName, node)
      return node
    })
  const end = (nodeName: string, signal: NodeJS.Signals) =>
    Effect.suspend(() => {
      const node = nodes.get(nodeName)!
      nodes.delete(nodeName)
      node.kill(signal)
      return Effect.tap(node.end, (how) => Effect.sync(() => ended.push(how)))
    })
  yield* Effect.forEach(options.names, (nodeName) => begin(nodeName), { concurrency: "unbounded" })

  /** The node that leads, as itself and as a majority of the nodes that answer say. */
  const leader = until(
    "leader",
    Effect.gen(function* () {
      const answers = yield* Effect.forEach(
        [...nodes.values()],
        ({ endpoint }) => Effect.option(statusAt(endpoint)),
        { concurrency: "unbounded" }
      )
      const statuses = answers.flatMap((answer) => (answer._tag === "Some" ? [answer.value] : []))
      const leading = statuses.filter(({ role }) => role === "Leader")
      const newest = leading.toSorted((a, b) => b.term - a.term)[0]
      if (newest === undefined) return undefined
      const followers = statuses.filter(
        ({ leader, term }) => leader === newest.memberId && term === newest.term
      )
      return 2 * followers.length > options.names.length ? newest.nodeName : undefined
    })
  )
  return {
    nodes,
    leader,
    /** Where each node serves clients, whether it runs or not. */
    endpointOf,
    peerOf,
    directoryOf: (nodeName: string) => join(options.directory, nodeName),
    /** How each process has ended that was killed or stopped, and all that it had said. */
    ended,
    /** Kills a node with SIGKILL and waits until it is gone. */
    kill: (nodeName: string) => end(nodeName, "SIGKILL"),
    /** Tells a node to stop, and waits until it has. */
    stop: (nodeName: string) => end(nodeName, "SIGTERM"),
    restart: begin,
    /** A process of that node that may be refused, or has to wait. */
    attempt: (nodeName: string, start: Start) =>
      Scope.provide(
        NodeProcess.start(NodeProcess.serveArguments(serveOptions(nodeName, start))),
        scope
      ),
    /** It serves after all. */
    admit: (nodeName: string, node: NodeProcess.Running) =>
      Effect.map(NodeProcess.ready(node), (running) => {
        nodes.set(nodeName, running)
        return running
      })
  }
})
