/** Clusters of real `sealog serve` processes on loopback ports that were free a moment ago. */
import { join } from "node:path"
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { keptPorts } from "../../scripts/cluster/KeptPort.ts"
import { serveArguments } from "../../scripts/demo/NodeProcess.ts"
import { json, sealog, serve, start, temporaryDirectory } from "./ProcessSealog.ts"

export interface Place {
  readonly nodeName: string
  readonly directory: string
  readonly listen: string
  readonly peer: string
}

/** Where the nodes n1 … will be; nothing runs yet. */
export const places = Effect.fnUntraced(function* (count: number) {
  const directory = yield* temporaryDirectory
  const ports = yield* keptPorts(2 * count)
  return Array.from(
    { length: count },
    (_, at): Place => ({
      nodeName: `n${at + 1}`,
      directory: join(directory, `n${at + 1}`),
      listen: `127.0.0.1:${ports[2 * at]}`,
      peer: `127.0.0.1:${ports[2 * at + 1]}`
    })
  )
})

export const bootstrapFlags = (all: ReadonlyArray<Place>): ReadonlyArray<string> => [
  "--bootstrap",
  all.map(({ nodeName, peer }) => `${nodeName}=${peer}`).join(",")
]

/** Returns when the node serves; it is killed when the scope closes. */
export const serveAt = (place: Place, flags: ReadonlyArray<string> = []) =>
  Effect.map(serve({ ...place, flags }), (node) => ({ ...node, place }))

/** A process that may wait, or be refused; it is killed when the scope closes. */
export const startAt = (place: Place, flags: ReadonlyArray<string> = []) =>
  start(serveArguments({ ...place, flags }))

export const joinFlags = (place: Place, member: Place): ReadonlyArray<string> => [
  ...["--join", member.peer],
  ...["--peer-listen", place.peer]
]

export type ClusterNode = Effect.Success<ReturnType<typeof serveAt>>

/** All of them at once, because none serves before all are there. */
export const bootstrap = (all: ReadonlyArray<Place>) =>
  Effect.forEach(all, (place) => serveAt(place, bootstrapFlags(all)), { concurrency: "unbounded" })

interface Status {
  readonly role: string
  readonly leader?: number
  readonly memberId: number
  readonly clusterId: string
  readonly appliedIndex: number
}

export const statusOf = Effect.fnUntraced(function* ({ listen }: Place) {
  return json(yield* sealog("status", "--endpoint", listen, "--json")) as Status
})

/** Returns when the cluster has taken this write. */
export const put = Effect.fnUntraced(function* (
  nodes: ReadonlyArray<Place>,
  key: string,
  value: string
) {
  const endpoints = nodes.map(({ listen }) => listen).join(",")
  const put = yield* sealog("kv", "put", key, value, "--endpoint", endpoints)
  assert.strictEqual(put.code, 0, put.stderr)
})

/** Linearizable, through this node. */
export const get = Effect.fnUntraced(function* ({ listen }: Place, key: string) {
  const found = yield* sealog("kv", "get", key, "--endpoint", listen)
  assert.strictEqual(found.code, 0, found.stderr)
  return found.stdout.trim()
})

/** Returns once the newcomer has introduced itself to the member that is asked, and is a member. */
export const addMember = Effect.fnUntraced(function* (
  { listen }: Place,
  newcomer: Place,
  flags: ReadonlyArray<string> = []
) {
  const what = `${newcomer.nodeName}=${newcomer.peer}`
  for (;;) {
    const added = yield* sealog("member", "add", what, ...flags, "--endpoint", listen)
    if (added.code === 0) return
    assert.match(added.stderr, /has asked the leader to be let in/)
  }
})
