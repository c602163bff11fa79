/**
 * A cluster of real processes as an operator has it: nodes that end and come back at their addresses,
 * and nodes that are to join. Waits on what the nodes answer, never on time alone.
 */
import * as Effect from "effect/Effect"
import { answered } from "../../scripts/cluster/Asking.ts"
import * as NodeProcess from "../../scripts/demo/NodeProcess.ts"
import type { NodeStatus } from "../../src/domain/api/AdminApi.ts"
import * as Endpoint from "../../src/domain/api/Endpoint.ts"
import type { NodeName } from "../../src/domain/Ids.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as ProcessCluster from "./ProcessCluster.ts"

const endpointOf = ({ listen }: ProcessCluster.Place): Endpoint.Endpoint => Endpoint.parse(listen)!

const askStatus = (place: ProcessCluster.Place): Effect.Effect<NodeStatus, unknown> =>
  Effect.scoped(
    Effect.flatMap(RpcClientSocket.connect(endpointOf(place)), (client) =>
      Effect.timeout(client.status, 2_000)
    )
  )

/** Starts three voters; there is room for one more node, `newcomer`. */
export const start = Effect.fnUntraced(function* (options: { readonly kekFile?: string } = {}) {
  const all = yield* ProcessCluster.places(4)
  const [founders, newcomer] = [all.slice(0, 3), all[3]!]
  const nodes = new Map<string, ProcessCluster.ClusterNode>()
  const kek = options.kekFile === undefined ? [] : ["--kek-file", options.kekFile]
  const bootstrap = [...ProcessCluster.bootstrapFlags(founders), ...kek]
  const begin = (place: ProcessCluster.Place) =>
    Effect.map(ProcessCluster.serveAt(place, bootstrap), (node) => {
      nodes.set(place.nodeName, node)
      return node
    })
  yield* Effect.forEach(founders, begin, { concurrency: "unbounded" })
  const placeOf = (name: string) => all.find(({ nodeName }) => nodeName === name)!

  return {
    newcomer,
    placeOf,
    names: founders.map(({ nodeName }) => nodeName as NodeName),
    /** Of the founders, in the order of their names. */
    endpoints: founders.map(endpointOf),
    /** The name that a majority of the nodes that run takes for the leader. */
    leader: answered(
      Effect.gen(function* () {
        const places = [...nodes.keys()].map(placeOf)
        const statuses = yield* Effect.forEach(places, askStatus, { concurrency: "unbounded" })
        const named = statuses.find(({ role }) => role === "Leader")
        const followers = statuses.filter(({ leader }) => leader === named?.memberId)
        return 2 * followers.length > statuses.length ? named?.nodeName : undefined
      })
    ),
    /** A process that asks to be let in; it prints its line once it was. */
    join: (
      { directory, listen, nodeName, peer }: ProcessCluster.Place,
      member: string = founders[0]!.nodeName
    ) =>
      NodeProcess.start(
        NodeProcess.serveArguments({
          directory,
          nodeName,
          listen,
          flags: ["--join", placeOf(member).peer, "--peer-listen", peer, ...kek]
        })
      ),
    restart: (name: string) => begin(placeOf(name)),
    /** Returns once that node has said this in its log. */
    said: (name: string, what: RegExp) => Effect.suspend(() => nodes.get(name)!.said(what)),
    /** A process of that node with these flags only, which may be refused or end by itself. */
    attempt: (name: string, flags: ReadonlyArray<string>) =>
      ProcessCluster.startAt(placeOf(name), flags),
    signal: (name: string, signal: NodeJS.Signals) => nodes.get(name)!.kill(signal),
    end: (name: string, signal: NodeJS.Signals) =>
      Effect.suspend(() => {
        const node = nodes.get(name)!
        nodes.delete(name)
        node.kill(signal)
        return node.end
      })
  }
})
