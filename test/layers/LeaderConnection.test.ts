import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Endpoint from "../../src/domain/api/Endpoint.ts"
import * as LeaderConnectionLive from "../../src/layers/LeaderConnectionLive.ts"
import * as MemberConnectionMemory from "../../src/layers/MemberConnectionMemory.ts"
import * as MemberConnectionSocket from "../../src/layers/MemberConnectionSocket.ts"
import { MemoryMembers } from "../../src/layers/MemoryMembers.ts"
import { LeaderConnection } from "../../src/services/LeaderConnection.ts"
import { describeLeaderConnection } from "../contracts/LeaderConnection.ts"
import * as Stub from "../support/ProcessStubServices.ts"
import { serve } from "../support/StubNode.ts"

const proposalTimeoutMillis = 50

/** The node that asks. */
const asking = (peers: Stub.Script["peers"] = () => []) =>
  Stub.layer({ script: { memberId: 1, beforeWrite: Effect.void, peers }, proposalTimeoutMillis })

describeLeaderConnection("the way to the leader over a socket", (script) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const at = yield* Scope.provide(serve(script, { proposalTimeoutMillis }), scope)
    const peers = () => [{ peer: 2, endpoint: Endpoint.format(at) }]
    const context = yield* Layer.build(
      LeaderConnectionLive.layer.pipe(
        Layer.provide(MemberConnectionSocket.layer),
        Layer.provide(asking(peers))
      )
    )
    yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
    return {
      connection: Context.get(context, LeaderConnection),
      stop: Scope.close(scope, Exit.void)
    }
  })
)

describeLeaderConnection("the way to the leader in memory", (script) =>
  Effect.gen(function* () {
    const members = new MemoryMembers()
    const scope = yield* Scope.make()
    const node = Stub.layer({ script, proposalTimeoutMillis })
    const served = Layer.provide(MemberConnectionMemory.served({ members }), node)
    yield* Layer.buildWithScope(served, scope)
    const context = yield* Layer.build(
      LeaderConnectionLive.layer.pipe(
        Layer.provide(MemberConnectionMemory.layer({ members })),
        Layer.provide(asking())
      )
    )
    yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
    return {
      connection: Context.get(context, LeaderConnection),
      stop: Scope.close(scope, Exit.void)
    }
  })
)
