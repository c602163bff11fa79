/**
 * Writes down, in the log, that a cluster of one has another peer address than it was founded with
 * (SPEC §15): from then on it can be joined.
 *
 * What must never happen here: a member with peers that moves; they would dial where it no longer
 * listens. Proof: `test/e2e/ServePeers.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Endpoint from "../domain/api/Endpoint.ts"
import * as Members from "../domain/members/Members.ts"
import { Applier } from "../services/Applier.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import { Opening } from "../services/Opening.ts"
import { PeerAddress } from "../services/PeerAddress.ts"
import { RaftEngine } from "../services/RaftEngine.ts"

const text = (address: Endpoint.Endpoint | undefined) => address && Endpoint.format(address)

const make = Effect.gen(function* () {
  const applier = yield* Applier
  const engine = yield* RaftEngine
  const { tickMillis } = yield* NodeConfig
  const { memberId } = yield* Opening
  const { address } = yield* PeerAddress

  const mayMove = () => address !== undefined && applier.members.byId.size <= 1
  const update = Effect.suspend(() => {
    const own = applier.members.byId.get(memberId)
    if (!mayMove() || own === undefined || text(own.address) === text(address)) return Effect.void
    const steps = [{ action: "update", member: memberId }] as const
    const change = Members.changeOf({ transition: "auto", steps }, [{ ...own, address }])
    return Effect.asVoid(engine.changeMembership(change))
  })
  /** What is in the way of a lone node passes by itself, unless it has stopped. */
  const untilDone: Effect.Effect<void> = Effect.suspend(() =>
    mayMove() ? Effect.andThen(engine.readIndex, update) : Effect.void
  ).pipe(
    Effect.catch(({ _tag }) =>
      _tag === "NodeStopped"
        ? Effect.void
        : Effect.andThen(
            Effect.sleep(tickMillis),
            Effect.suspend(() => untilDone)
          )
    )
  )
  yield* Effect.forkScoped(untilDone)
})

export const layer = Layer.effectDiscard(make)
