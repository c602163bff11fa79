/**
 * The way of a client to a cluster: the nodes it was told of, of which it talks to one that answers,
 * and goes on to the next when that is dead, says that it has stopped, or knows no leader.
 *
 * What must never happen: a request sent again that may have been applied, unless it changes nothing.
 * The caller of a write is told then that its outcome is open. With one endpoint nothing is repeated:
 * what that node says is the answer. Proof: `test/layers/RpcEndpoints.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type * as Endpoint from "../domain/api/Endpoint.ts"
import { EndpointUnreachable } from "../domain/api/Errors.ts"
import { invariant } from "../domain/Invariant.ts"
import * as MonotonicClock from "./MonotonicClock.ts"
import * as RpcConnection from "./RpcConnection.ts"

export interface Options {
  /** How long a request goes on from node to node; 30 s if not given. */
  readonly deadlineMillis?: number | undefined
}

/**
 * May a request be sent again that was not answered? `always`: it changes nothing. `ifNotProposed`:
 * only when it is certain that it was not proposed. `never`: somebody above does, under its sequence.
 */
export type Repeat = "always" | "ifNotProposed" | "never"

/** What every call can fail with, beside the answers of the node. */
export type CallFailure = RpcConnection.CallFailure | EndpointUnreachable

interface Failure {
  readonly _tag: string
}

/** After these nothing was proposed, and another node may know better. */
const isLeaderless = ({ _tag }: Failure): boolean =>
  _tag === "EndpointUnreachable" || _tag === "NotLeader" || _tag === "LeaderNotReady"

/** Also where a cutover holds requests off for longer than the node waits: any node would say so. */
const isNotProposed = (failure: Failure): boolean =>
  isLeaderless(failure) || failure._tag === "CutoverInFlight"

/** After these it is not known, and this node is not the one to ask. */
const isUnanswered = ({ _tag }: Failure): boolean =>
  _tag === "ConnectionLost" || _tag === "NodeStopped" || _tag === "ProposalTimedOut"

const pauseMillis = { min: 10, max: 500 }

/** One for each endpoint, opened when it is needed; the connections that have ended are closed. */
const makeConnections = Effect.fnUntraced(function* (endpoints: ReadonlyArray<Endpoint.Endpoint>) {
  const own = yield* Effect.scope
  const oneAtATime = yield* Semaphore.make(1)
  const opened = new Map<
    number,
    { readonly connection: RpcConnection.RpcConnection; readonly scope: Scope.Closeable }
  >()
  let at = 0

  const current = () => {
    const connection = opened.get(at)?.connection
    return connection?.isOpen() === true ? connection : undefined
  }
  const openAt = Effect.fnUntraced(function* (endpoint: Endpoint.Endpoint) {
    const ended = opened.get(at)
    if (ended !== undefined) {
      opened.delete(at)
      yield* Scope.close(ended.scope, Exit.void)
    }
    const scope = yield* Scope.fork(own)
    const connection = yield* RpcConnection.open(endpoint).pipe(
      Scope.provide(scope),
      Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
    )
    opened.set(at, { connection, scope })
    return connection
  })
  /** From the one in use onwards, each once. */
  const openNext = Effect.gen(function* () {
    const failures: Array<EndpointUnreachable> = []
    for (const _ of endpoints) {
      const open = current()
      if (open !== undefined) return open
      const result = yield* Effect.result(openAt(endpoints[at]!))
      if (result._tag === "Success") return result.success
      failures.push(result.failure)
      at = (at + 1) % endpoints.length
    }
    return yield* allOf(failures)
  }).pipe(oneAtATime.withPermits(1))

  return {
    current,
    connected: Effect.suspend(() => {
      const open = current()
      return open === undefined ? openNext : Effect.succeed(open)
    }),
    /** Whoever is using it keeps it. */
    leave: (connection: RpcConnection.RpcConnection) => {
      if (opened.get(at)?.connection === connection) at = (at + 1) % endpoints.length
    }
  }
})

function allOf(failures: ReadonlyArray<EndpointUnreachable>): EndpointUnreachable {
  const [first, ...others] = failures
  invariant(first !== undefined, "a client is told of a node at least")
  if (others.length === 0) return first
  return new EndpointUnreachable({
    endpoint: failures.map(({ endpoint }) => endpoint).join(", "),
    cause: failures.map(({ cause }) => cause).join(", ")
  })
}

/** Fails at once if none of the nodes can be reached; the connections close with the scope. */
export const make = Effect.fnUntraced(function* (
  endpoints: ReadonlyArray<Endpoint.Endpoint>,
  { deadlineMillis = 30_000 }: Options = {}
) {
  const { connected, current, leave } = yield* makeConnections(endpoints)
  yield* connected

  const once = <A, E, R>(
    call: (rpc: RpcConnection.Rpc) => Effect.Effect<A, E | RpcClientError, R>
  ) =>
    Effect.flatMap(connected, (connection) => {
      const answer = RpcConnection.answered(connection.endpoint, call(connection.rpc))
      if (endpoints.length === 1) return answer
      return Effect.tapError(answer, (failure) => {
        if (isLeaderless(failure as Failure) || isUnanswered(failure as Failure)) leave(connection)
        return Effect.void
      })
    })
  const ask = <A, E, R>(
    repeat: Repeat,
    call: (rpc: RpcConnection.Rpc) => Effect.Effect<A, E | RpcClientError, R>
  ): Effect.Effect<A, Exclude<E, RpcClientError> | CallFailure, R> => {
    const attempt = once(call)
    if (endpoints.length === 1 || repeat === "never") return attempt
    return Effect.gen(function* () {
      const deadline = (yield* MonotonicClock.nowMillis) + deadlineMillis
      for (let pause = pauseMillis.min; ; pause = Math.min(2 * pause, pauseMillis.max)) {
        const result = yield* Effect.result(attempt)
        if (result._tag === "Success") return result.success
        const failure = result.failure as Failure
        const mayRepeat = isNotProposed(failure) || (repeat === "always" && isUnanswered(failure))
        const isLast = (yield* MonotonicClock.nowMillis) + pause > deadline
        if (!mayRepeat || isLast) return yield* Effect.fail(result.failure)
        yield* Effect.sleep(pause)
      }
    })
  }

  return {
    ask,
    /** `HOST:PORT` of the node that it talks to; `undefined` while there is none. */
    endpoint: () => current()?.endpoint
  }
})
