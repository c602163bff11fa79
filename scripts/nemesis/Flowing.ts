/**
 * How long no write is accepted: the measure of a fault (SPEC §19, I11).
 *
 * Asks every so often, whatever became of the question before: so one that waits for a node that is gone
 * delays no other. What must never happen: more questions than a node can have in hand; each has an end.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as Calls from "./Calls.ts"
import type { Nodes } from "./Nodes.ts"
import type { Recorder } from "./Recorder.ts"

const askMillis = 50
/** So at most 30 questions are in hand at one node. */
const answerMillisMax = 1_500

/** Returns, once one of these nodes has taken a write that it was asked for from now on, the moment. */
export const again = Effect.fnUntraced(function* (
  nodes: Nodes,
  names: ReadonlyArray<string>,
  recorder: Recorder
) {
  const taken = yield* Deferred.make<number>()
  const put = (client: RpcClientSocket.Client, key: string) =>
    Effect.flatMap(
      recorder.run(
        {
          ...{ client: "flow", isInSession: false },
          writes: [{ _tag: "Put", key, value: key } as const]
        },
        Calls.put(client, key, key)
      ),
      ({ answer }) =>
        answer === undefined ? Effect.void : Deferred.succeed(taken, performance.now())
    )
  const asking = Effect.fnUntraced(function* (name: string) {
    const client = yield* RpcClientSocket.connect(nodes.endpointOf(name))
    for (let at = 1; ; at++) {
      const attempt = put(client, `flow-${name}-${at}`)
      yield* Effect.forkScoped(Effect.timeoutOption(attempt, answerMillisMax))
      yield* Effect.sleep(askMillis)
    }
  })
  yield* Effect.forEach(names, (name) => Effect.forkScoped(asking(name)), { discard: true })
  return yield* Deferred.await(taken)
}, Effect.scoped)
