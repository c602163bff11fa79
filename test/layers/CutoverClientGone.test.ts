/**
 * A cutover asked for over a real socket whose client goes away in the middle (SPEC §12): before the
 * marker nothing has happened, after it the node ends it alone; another client is told how it is.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as SocketServer from "effect/socket/SocketServer"
import * as NodeFront from "../../src/layers/NodeFront.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as RpcServerSocket from "../../src/layers/RpcServerSocket.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import * as Stages from "../support/CutoverStages.ts"
import { put } from "../support/NodeCalls.ts"

/** The node behind a socket, until the test's scope closes. */
const serve = Effect.fnUntraced(function* ({ context }: Stages.StagedNode) {
  const listening = yield* Layer.build(
    RpcServerSocket.layer({ host: "127.0.0.1", port: 0 }).pipe(
      Layer.provide(NodeFront.layer),
      Layer.provide(Layer.succeedContext(context))
    )
  )
  const { address } = Context.get(listening, SocketServer.SocketServer)
  assert(address._tag === "InetAddressV4")
  return { host: "127.0.0.1", port: address.port }
})

/** A client whose connection goes when `leave` runs. */
const connect = Effect.fnUntraced(function* (endpoint: { host: string; port: number }) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const client = yield* Scope.provide(RpcClientSocket.connect(endpoint), scope)
  return { client, leave: Scope.close(scope, Exit.void) }
})

const until = (condition: () => boolean) =>
  Effect.repeat(Effect.yieldNow, { while: () => !condition() })

/** The stage, and what shows that the node has noticed that its client is gone. */
const stages: ReadonlyArray<
  readonly [Stages.Stage, hasNoticed: (node: Stages.StagedNode) => boolean]
> = [
  [Stages.gate, ({ holds }) => holds.capability.waitingCount === 0],
  [Stages.draining, ({ state }) => state() === "Idle"],
  [Stages.proposed, ({ isAwaited }) => !isAwaited()],
  [Stages.durable, ({ isAwaited }) => !isAwaited()]
]

describe("a client that goes away in the middle of a cutover", () => {
  for (const [stage, hasNoticed] of stages) {
    it.live(stage.name, () =>
      Effect.gen(function* () {
        const node = yield* Stages.open(yield* Stages.phase1, stage)
        const inNode = Effect.provideContext(node.context)
        const barrier = yield* inNode(QuiescenceBarrier)
        const { term } = (yield* inNode(RaftEngine)).status()
        const endpoint = yield* serve(node)
        const first = yield* connect(endpoint)
        const second = yield* connect(endpoint)
        // A write on its way; a real one would keep the engine from answering the preflight.
        if (stage.isDraining) barrier.admit({ source: "user", term })
        yield* Effect.forkChild(Effect.exit(first.client.enableRaftEnvelope))
        yield* Stages.reached(stage, node)

        yield* first.leave
        yield* until(() => hasNoticed(node))
        assert.strictEqual(barrier.state().isClosed, stage.mayBeInLog)
        if (stage.mayBeInLog) {
          const refused = yield* Effect.flip(second.client.enableRaftEnvelope)
          assert.strictEqual(refused._tag, "CutoverInFlight")
          assert.strictEqual((yield* Effect.flip(inNode(put("k", "v"))))._tag, "CutoverInFlight")
          assert.isTrue((yield* second.client.encryptionStatus).isBarrierClosed)
        }
        node.holds.release()
        if (stage.isDraining) barrier.settle({ count: 1, term })
        yield* barrier.opened

        const { isWrapFlagSet, phase } = yield* second.client.encryptionStatus
        assert.deepStrictEqual([phase, isWrapFlagSet], stage.mayBeInLog ? [2, true] : [1, false])
        yield* second.client.put("late", "1")
        const retried = yield* second.client.enableRaftEnvelope
        assert.strictEqual(retried.wasAlreadyActive, stage.mayBeInLog)
        assert.deepStrictEqual(yield* inNode(Stages.markerIndexes), [retried.cutoverIndex])
        yield* second.client.put("sealed", "1")
        assert.isDefined(yield* second.client.get("sealed"))
      })
    )
  }
})
