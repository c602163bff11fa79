/**
 * Who looks after the cluster of an episode: asks who leads and who is a member, and orders changes.
 *
 * What must never happen: a question without an end; whoever does not answer in time is passed over.
 */
import * as Effect from "effect/Effect"
import type { NodeStatus } from "../../src/domain/api/AdminApi.ts"
import type { NodeName } from "../../src/domain/Ids.ts"
import type { Client } from "../../src/layers/RpcClientSocket.ts"
import type { SeededNumbers } from "../../test/support/SeededNumbers.ts"
import { answered } from "../cluster/Asking.ts"
import type { Nodes } from "./Nodes.ts"
import * as NodeWay from "./NodeWay.ts"

const answerMillisMax = 700
const askMillis = 50

export type Operator = Effect.Success<ReturnType<typeof make>>

export const make = Effect.fnUntraced(function* (nodes: Nodes, numbers: SeededNumbers) {
  const way = yield* NodeWay.make({ endpoints: nodes.endpoints, below: numbers.below })

  const statusOf = (nodeName: string) =>
    way
      .call(({ status }) => status, nodes.endpointOf(nodeName))
      .pipe(Effect.timeout(answerMillisMax), Effect.option)

  /** Of the nodes that answer. */
  const statuses: Effect.Effect<ReadonlyArray<NodeStatus>> = Effect.suspend(() =>
    Effect.forEach(nodes.names().filter(nodes.isRunning), statusOf, { concurrency: "unbounded" })
  ).pipe(
    Effect.map((all) => all.flatMap((status) => (status._tag === "Some" ? [status.value] : [])))
  )
  /** Who says so itself, in the newest term. */
  const leader = Effect.map(
    statuses,
    (all) =>
      all.filter(({ role }) => role === "Leader").toSorted((a, b) => b.term - a.term)[0]?.nodeName
  )
  /** Tries at one node after another, until one has done it; `undefined` if it was done before. */
  const order = <A, E extends { readonly _tag: string }>(
    command: (client: Client) => Effect.Effect<A, E>,
    isDone: (failure: E) => boolean = () => false
  ): Effect.Effect<A | undefined> =>
    Effect.gen(function* () {
      for (;;) {
        const result = yield* Effect.result(way.call(command))
        if (result._tag === "Success") return result.success
        if (isDone(result.failure as E)) return undefined
        yield* Effect.sleep(askMillis)
      }
    })
  return {
    ...{ way, statuses, leader, order },
    /** Returns once it is no member, as the leader says. */
    removed: (nodeName: NodeName) =>
      order(
        (to) => to.removeMember(nodeName),
        ({ _tag }) => _tag === "MemberUnknown"
      )
  }
})

/** Asks again and again until it is so. */
export const until = <R>(ask: Effect.Effect<boolean, never, R>): Effect.Effect<void, never, R> =>
  Effect.asVoid(answered(Effect.map(ask, (isSo) => (isSo ? true : undefined))))
