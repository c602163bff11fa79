/** Three real processes in phase 2, and what tests do to one of them while the other two go on. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { answered } from "../../scripts/cluster/Asking.ts"
import type { NodeName } from "../../src/domain/Ids.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as OperatedCluster from "./ProcessOperatedCluster.ts"
import * as Process from "./ProcessSealog.ts"

export type Name = NodeName

export type SealedCluster = Effect.Success<ReturnType<typeof start>>

/** In phase 0 until `cutOver`. */
export const start = Effect.fnUntraced(function* () {
  const { kekFile } = yield* Process.fresh
  const { kekFile: otherKekFile } = yield* Process.fresh
  const cluster = yield* OperatedCluster.start({ kekFile })
  const { endpoints, names } = cluster
  const endpointOf = (name: string) => endpoints[names.indexOf(name as NodeName)]!
  /** Asks those of these nodes that answer. */
  const clientOf = (...asked: ReadonlyArray<string>) =>
    RpcClientSocket.connect(asked.map(endpointOf))
  return {
    ...cluster,
    kekFile,
    otherKekFile,
    clientOf,
    endpointOf,
    directoryOf: (name: string) => cluster.placeOf(name).directory,
    othersThan: (name: string) => names.filter((other) => other !== name),
    cutOver: Effect.gen(function* () {
      const client = yield* clientOf(...names)
      yield* client.enableStorageEnvelope
      const { cutoverIndex } = yield* client.enableRaftEnvelope
      return cutoverIndex
    }).pipe(Effect.scoped),
    /** A name that does not lead. */
    follower: Effect.map(cluster.leader, (leader) => names.find((name) => name !== leader)!),
    /** Returns once that node itself holds this. */
    holds: (name: string, key: string, value: string) =>
      answered(
        Effect.gen(function* () {
          const client = yield* clientOf(name)
          const found = yield* client.get(key, { stale: true })
          if (found === undefined) return undefined
          assert.strictEqual(Buffer.from(found.value).toString(), value)
          return true
        }).pipe(Effect.scoped)
      ),
    /** Returns once that node leads. */
    handTo: (name: NodeName) =>
      answered(
        Effect.gen(function* () {
          const client = yield* clientOf(...names)
          yield* client.transferLeadership(name)
          return true
        }).pipe(Effect.scoped)
      )
  }
})
