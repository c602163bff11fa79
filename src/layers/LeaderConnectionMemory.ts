/**
 * The memory twin of the way to the leader: the same handlers and the same mark, no socket.
 *
 * Proof: `test/contracts/LeaderConnection.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RpcTest from "effect/rpc/RpcTest"
import { SealogApi } from "../domain/api/SealogApi.ts"
import type { ClusterAdmin } from "../services/ClusterAdmin.ts"
import type { Cutover } from "../services/Cutover.ts"
import type { EncryptionAdmin } from "../services/EncryptionAdmin.ts"
import type { KvStore } from "../services/KvStore.ts"
import { type Leader, LeaderConnection } from "../services/LeaderConnection.ts"
import type { NodeConfig } from "../services/NodeConfig.ts"
import { NodeStatus } from "../services/NodeStatus.ts"
import * as AdminHandlers from "./AdminHandlers.ts"
import * as KvHandlers from "./KvHandlers.ts"
import * as LeaderAnswer from "./LeaderAnswer.ts"
import * as MemberHandlers from "./MemberHandlers.ts"
import type { MemoryLeaders } from "./MemoryLeaders.ts"
import * as RpcDrain from "./RpcDrain.ts"

export interface Options {
  readonly leaders: MemoryLeaders
}

export const layer = ({ leaders }: Options): Layer.Layer<LeaderConnection> =>
  Layer.succeed(LeaderConnection, {
    ask: (leader, request) =>
      Effect.suspend(() => {
        const node = leaders.at(leader)
        if (node === undefined) return Effect.fail(LeaderAnswer.nobody)
        const asked = LeaderAnswer.marked(`member ${leader}`, request(node))
        return LeaderAnswer.of(leader, asked)
      })
  })

/** Lets the others ask this node, until the layer is released. */
export const served = ({
  leaders
}: Options): Layer.Layer<
  never,
  never,
  ClusterAdmin | KvStore | EncryptionAdmin | Cutover | NodeStatus | NodeConfig
> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { memberId } = (yield* NodeStatus).read()
      const client = yield* RpcTest.makeClient(SealogApi, { disableFatalDefects: true })
      // Without a socket a call fails with one thing less.
      const node = client as unknown as Leader
      leaders.join(memberId, node)
      yield* Effect.addFinalizer(() => Effect.sync(() => leaders.leave(memberId, node)))
    })
  ).pipe(
    Layer.provide([KvHandlers.layer, AdminHandlers.layer, MemberHandlers.layer]),
    Layer.provide(RpcDrain.layer)
  )
