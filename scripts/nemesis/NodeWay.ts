/**
 * The way of one client to the cluster: a random node for each call, over a connection that is kept.
 *
 * Unlike `RpcEndpoints` it repeats nothing and looks for no leader, so that every node is asked,
 * whatever is the matter with it. Who does not answer in time is left alone for a while. What must never
 * happen: a call without an end.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Endpoint from "../../src/domain/api/Endpoint.ts"
import { ConnectionLost } from "../../src/domain/api/Errors.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"

export interface Options {
  readonly endpoints: () => ReadonlyArray<Endpoint.Endpoint>
  /** An integer in [0, limit). */
  readonly below: (limit: number) => number
}

interface Kept {
  readonly client: RpcClientSocket.Client
  readonly scope: Scope.Closeable
}

/** Longer than an election; a call that waits longer is of unknown outcome. */
const answerMillisMax = 3_000
const avoidMillis = 1_500

/** After these another node may do better. */
const isNodesFault = new Set([
  ...["ConnectionLost", "EndpointUnreachable", "NodeStopped", "RequestDied"],
  ...["NotLeader", "LeaderNotReady", "LeaderLost", "ProposalTimedOut"]
])

export type NodeWay = Effect.Success<ReturnType<typeof make>>

export const make = Effect.fnUntraced(function* ({ below, endpoints }: Options) {
  const own = yield* Effect.scope
  const kept = new Map<string, Kept>()
  const avoidedUntil = new Map<string, number>()

  const pick = (): Endpoint.Endpoint => {
    const all = endpoints()
    const now = performance.now()
    const good = all.filter((at) => (avoidedUntil.get(Endpoint.format(at)) ?? 0) <= now)
    const choice = good.length > 0 ? good : all
    return choice[below(choice.length)]!
  }
  const leave = (name: string) =>
    Effect.suspend(() => {
      const connection = kept.get(name)
      kept.delete(name)
      avoidedUntil.set(name, performance.now() + avoidMillis)
      return connection === undefined ? Effect.void : Scope.close(connection.scope, Exit.void)
    })
  const connected = Effect.fnUntraced(function* (endpoint: Endpoint.Endpoint) {
    const name = Endpoint.format(endpoint)
    const known = kept.get(name)
    if (known !== undefined) return known.client
    const scope = yield* Scope.fork(own)
    const client = yield* RpcClientSocket.connect(endpoint).pipe(
      Scope.provide(scope),
      Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
    )
    kept.set(name, { client, scope })
    return client
  })

  return {
    /** One attempt at one node; of a call that was sent and not answered, `ConnectionLost`. */
    call: <A, E extends { readonly _tag: string }>(
      use: (client: RpcClientSocket.Client) => Effect.Effect<A, E>,
      at?: Endpoint.Endpoint
    ) =>
      Effect.suspend(() => {
        const endpoint = at ?? pick()
        const name = Endpoint.format(endpoint)
        const attempt = Effect.flatMap(connected(endpoint), (client) =>
          Effect.timeoutOrElse(use(client), {
            duration: answerMillisMax,
            orElse: () =>
              Effect.fail(new ConnectionLost({ endpoint: name, cause: "no answer in time" }))
          })
        )
        return Effect.tapError(attempt, ({ _tag }) =>
          isNodesFault.has(_tag) ? leave(name) : Effect.void
        )
      })
  }
})
