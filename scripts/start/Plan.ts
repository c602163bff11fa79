/** The three nodes of `npm start`: their names, directories, ports, and how each is served. */
import { join } from "node:path"

export interface PlanOptions {
  /** Of the first node's clients; the other ports follow from it. */
  readonly port: number
  readonly directory: string
}

export interface PlannedNode {
  readonly name: string
  readonly directory: string
  /** `HOST:PORT` for clients, for the other nodes, and for `/metrics`. */
  readonly clients: string
  readonly peers: string
  readonly metrics: string
}

export interface Plan {
  readonly nodes: ReadonlyArray<PlannedNode>
  /** Beside the nodes' directories: a node's key is never among its data. */
  readonly kekFile: string
}

export const portDefault = 7070
/** Between the ports of one purpose and those of the next. */
const peersOffset = 10
const metricsOffset = 20
const nodeCount = 3
export const portMax = 0xffff - metricsOffset - nodeCount

export function planOf({ directory, port }: PlanOptions): Plan {
  const at = (offset: number) => `127.0.0.1:${port + offset}`
  const nodes = Array.from({ length: nodeCount }, (_, position) => ({
    name: `n${position + 1}`,
    directory: join(directory, `n${position + 1}`),
    clients: at(position),
    peers: at(peersOffset + position),
    metrics: at(metricsOffset + position)
  }))
  return { nodes, kekFile: join(directory, "kek") }
}

/** The list is the same for every node; a node that was admitted before ignores it. */
export const serveArguments = ({ kekFile, nodes }: Plan, node: PlannedNode) => [
  "serve",
  ...["--name", node.name, "--data-dir", node.directory, "--kek-file", kekFile],
  ...["--listen", node.clients, "--metrics-listen", node.metrics, "--log-format", "json"],
  ...["--bootstrap", nodes.map(({ name, peers }) => `${name}=${peers}`).join(",")]
]
