/** How an episode begins: real processes that found a cluster and have a leader. */
import { randomBytes } from "node:crypto"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Endpoint from "../../src/domain/api/Endpoint.ts"
import { seededNumbers } from "../../test/support/SeededNumbers.ts"
import * as Nodes from "./Nodes.ts"
import * as Operator from "./Operator.ts"

export interface Options {
  readonly directory: string
  readonly seed: number
  readonly nodeCount: number
  readonly failpoints?: string
  readonly keepsLog?: (nodeName: string) => boolean
  readonly isImpatient?: boolean
}

export type Cluster = Effect.Success<ReturnType<typeof founded>>

export const founded = Effect.fnUntraced(function* (options: Options) {
  const { directory, nodeCount, seed, ...ofNodes } = options
  const kekFile = join(directory, "kek")
  yield* Effect.promise(() => writeFile(kekFile, randomBytes(32), { mode: 0o600 }))
  const random = seededNumbers(seed + 2_000_000).next
  const nodes = yield* Nodes.make({ ...ofNodes, directory, kekFile, random })
  const names = Array.from({ length: nodeCount }, (_, at) => `n${at + 1}`)
  const places = yield* Effect.forEach(names, nodes.place)
  const list = places.map(({ nodeName, peer }) => `${nodeName}=${Endpoint.format(peer)}`).join(",")
  const all = { concurrency: "unbounded", discard: true } as const
  yield* Effect.forEach(places, (place) => nodes.start(place, ["--bootstrap", list]), all)
  yield* Effect.forEach(names, nodes.ready, all)
  const operator = yield* Operator.make(nodes, seededNumbers(seed + 1_000_000))
  yield* Operator.until(Effect.map(operator.leader, (name) => name !== undefined))
  return { nodes, places, operator }
})
