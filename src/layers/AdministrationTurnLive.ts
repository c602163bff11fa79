/**
 * The turn of the administration, as a cell of this process.
 *
 * It is taken in the turn of the runtime in which it is found free, never handed over to a fibre that may
 * be gone by then. What must never happen: two holders; a turn that nobody ends.
 * Proof: `test/layers/AdministrationTurn.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import { CutoverInFlight } from "../domain/encryption/Errors.ts"
import { MembershipChangeInProgress } from "../domain/members/Errors.ts"
import { AdministrationTurn, type Turn, type TurnHolder } from "../services/AdministrationTurn.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import * as MonotonicClock from "./MonotonicClock.ts"

const make = Effect.gen(function* () {
  const { proposalTimeoutMillis } = yield* NodeConfig
  const isFree = Latch.makeUnsafe(true)
  let holder: TurnHolder | undefined

  const begun = (by: TurnHolder): Turn => {
    holder = by
    isFree.closeUnsafe()
    let count = 0
    const keep = () => {
      count += 1
      let isKept = true
      return () => {
        if (!isKept) return
        isKept = false
        count -= 1
        if (count > 0) return
        holder = undefined
        isFree.openUnsafe()
      }
    }
    return { keep, end: keep() }
  }
  const take = Effect.fnUntraced(function* (by: TurnHolder) {
    const deadline = (yield* MonotonicClock.nowMillis) + proposalTimeoutMillis
    while (holder !== undefined) {
      const remainingMillis = deadline - (yield* MonotonicClock.nowMillis)
      const isSecondCutover = by === "cutover" && holder === "cutover"
      if (remainingMillis <= 0 || isSecondCutover) return yield* refusalOf(holder)
      yield* Effect.interruptible(Effect.timeoutOption(isFree.await, remainingMillis))
    }
    return begun(by)
  })
  return AdministrationTurn.of({ take })
})

const refusalOf = (holder: TurnHolder) =>
  holder === "membership" ? new MembershipChangeInProgress({}) : new CutoverInFlight({})

export const layer: Layer.Layer<AdministrationTurn, never, NodeConfig> = Layer.effect(
  AdministrationTurn,
  make
)
