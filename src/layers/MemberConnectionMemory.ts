/**
 * The memory twin of the way to another member: the same handlers and the same mark, no socket.
 *
 * Proof: `test/contracts/LeaderConnection.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RpcTest from "effect/rpc/RpcTest"
import { EndpointUnknown } from "../domain/api/Errors.ts"
import { SealogApi } from "../domain/api/SealogApi.ts"
import type { ClusterAdmin } from "../services/ClusterAdmin.ts"
import type { Cutover } from "../services/Cutover.ts"
import type { EncryptionAdmin } from "../services/EncryptionAdmin.ts"
import type { EncryptionSurvey } from "../services/EncryptionSurvey.ts"
import type { KvStore } from "../services/KvStore.ts"
import { type Member, MemberConnection } from "../services/MemberConnection.ts"
import type { NodeConfig } from "../services/NodeConfig.ts"
import { NodeStatus } from "../services/NodeStatus.ts"
import * as AdminHandlers from "./AdminHandlers.ts"
import * as KvHandlers from "./KvHandlers.ts"
import * as MemberHandlers from "./MemberHandlers.ts"
import type { MemoryMembers } from "./MemoryMembers.ts"
import * as RpcConnection from "./RpcConnection.ts"
import * as RpcDrain from "./RpcDrain.ts"

export interface Options {
  readonly members: MemoryMembers
}

export const layer = ({ members }: Options): Layer.Layer<MemberConnection, never, NodeStatus> =>
  Layer.effect(
    MemberConnection,
    Effect.gen(function* () {
      const { clusterId } = (yield* NodeStatus).read()
      return MemberConnection.of({
        ask: (member, request) =>
          Effect.gen(function* () {
            const node = members.at(member)
            if (node === undefined) return yield* new EndpointUnknown({})
            const addressee = { clusterId, memberId: member }
            const destination = { endpoint: `member ${member}`, addressee }
            return yield* RpcConnection.marked(destination, request(node))
          })
      })
    })
  )

/** Lets the others ask this node, until the layer is released. */
export const served = ({
  members
}: Options): Layer.Layer<
  never,
  never,
  ClusterAdmin | KvStore | EncryptionAdmin | EncryptionSurvey | Cutover | NodeStatus | NodeConfig
> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { memberId } = (yield* NodeStatus).read()
      const client = yield* RpcTest.makeClient(SealogApi, { disableFatalDefects: true })
      // Without a socket a call fails with one thing less.
      const node = client as unknown as Member
      members.join(memberId, node)
      yield* Effect.addFinalizer(() => Effect.sync(() => members.leave(memberId, node)))
    })
  ).pipe(
    Layer.provide([KvHandlers.layer, AdminHandlers.layer, MemberHandlers.layer]),
    Layer.provide(RpcDrain.layer)
  )
