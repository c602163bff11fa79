/**
 * A cluster of real processes on loopback, started, killed and restarted as an operator would.
 *
 * Member addresses are chosen once, so that a node that comes back is found where it was. Waits on
 * answers of the nodes, never on time alone.
 */
import { join } from "node:path"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { Endpoint } from "../../src/domain/api/Endpoint.ts"
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
export const statusAt = (endpoint: Endpoint) =>
  Effect.scoped(Effect.flatMap(RpcClientSocket.connect(endpoint), ({ status }) => status)).pipe(
    Effect.timeout(2_000)
  )

/** Starts every node; returns when all of them serve. */
export const start = Effect.fnUntraced(function* (options: Options) {
  const ports = yield* keptPorts(options.names.length)
  const bootstrap = options.names.map((name, at) => `${name}=127.0.0.1:${ports[at]}`).join(",")
  const serve = (nodeName: string) =>
    NodeProcess.serve({
      directory: join(options.directory, nodeName),
      nodeName,
      ...(options.kekFile === undefined ? {} : { kekFile: options.kekFile }),
      flags: ["--bootstrap", bootstrap, ...(options.flags ?? [])]
    })
  const nodes = new Map<string, Running>()
  const scope = yield* Effect.scope
  /** A node lives as long as the cluster, whoever has started it. */
  const begin = (nodeName: string) =>
    Effect.map(Scope.provide(serve(nodeName), scope), (node) => {
      nodes.set(nodeName, node)
      return node
    })
  yield* Effect.forEach(options.names, begin, { concurrency: "unbounded" })

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
    /** Kills a node with SIGKILL and waits until it is gone. */
    kill: (nodeName: string) =>
      Effect.suspend(() => {
        const node = nodes.get(nodeName)!
        nodes.delete(nodeName)
        node.kill("SIGKILL")
        return node.end
      }),
    restart: begin
  }
})
