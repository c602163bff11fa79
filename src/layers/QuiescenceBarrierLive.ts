/** The quiescence barrier: the pure transitions of `domain/cutover/Barrier`, and those who wait. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Barrier from "../domain/cutover/Barrier.ts"
import { QuiescenceBarrier } from "../services/QuiescenceBarrier.ts"
import * as MonotonicClock from "./MonotonicClock.ts"

const make = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  let state = Barrier.initial
  let closedAt: number | undefined
  let closedMillis: number | undefined
  let waiting: Array<{ readonly isDue: (state: Barrier.Barrier) => boolean; resume: () => void }> =
    []

  const become = (next: Barrier.Barrier) => {
    state = next
    if (waiting.length === 0) return
    const due = waiting.filter(({ isDue }) => isDue(state))
    waiting = waiting.filter((waiter) => !due.includes(waiter))
    for (const { resume } of due) resume()
  }
  const until = (isDue: (state: Barrier.Barrier) => boolean) =>
    Effect.callback<void>((resume) => {
      if (isDue(state)) return resume(Effect.void)
      const waiter = { isDue, resume: () => resume(Effect.void) }
      waiting.push(waiter)
      return Effect.sync(() => {
        waiting = waiting.filter((other) => other !== waiter)
      })
    })
  const now = () => MonotonicClock.nowMillisUnsafe(clock)

  return QuiescenceBarrier.of({
    state: () => state,
    admit: (proposal) => {
      const next = Barrier.admit(state, proposal)
      if (next !== undefined) state = next
      return next !== undefined
    },
    settle: (settled) => become(Barrier.settle(state, settled)),
    enterTerm: (term) => become(Barrier.enterTerm(state, term)),
    close: () => {
      closedAt ??= now()
      become(Barrier.close(state))
    },
    open: () => {
      if (closedAt !== undefined) closedMillis = now() - closedAt
      closedAt = undefined
      become(Barrier.open(state))
    },
    drained: until(Barrier.isDrained),
    opened: until(({ isClosed }) => !isClosed),
    closedForMillis: () => (closedAt === undefined ? undefined : now() - closedAt),
    closedMillis: () => closedMillis
  })
})

export const layer: Layer.Layer<QuiescenceBarrier> = Layer.effect(QuiescenceBarrier, make)
