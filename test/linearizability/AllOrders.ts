/**
 * The deliberately dumb oracle: tries every order of every choice of unknown operations.
 *
 * Shares nothing with the checker but the model: no events, no memory. For a handful of operations.
 */
import type { Operation } from "./History.ts"
import { impossible, type Model, unknownOutcome } from "./Model.ts"

export function isLinearizable<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: ReadonlyArray<Operation<Input, Output>>
): boolean {
  const completed = operations.filter(({ returned }) => returned !== undefined)
  const unknown = operations.filter(({ returned }) => returned === undefined)
  return subsetsOf(unknown).some((happened) =>
    ordersOf([...completed, ...happened]).some((order) => isExplained(model, order))
  )
}

/** Does it keep to real time, and does the model answer what was answered? */
export function isExplained<State, Input, Output>(
  model: Model<State, Input, Output>,
  order: ReadonlyArray<Operation<Input, Output>>
): boolean {
  const isInTime = order.every((later, at) =>
    order.slice(0, at).every((earlier) => earlier.invokedAt <= (later.returned?.at ?? Infinity))
  )
  if (!isInTime) return false
  let state = model.initial
  for (const { input, returned } of order) {
    const stepped = model.step(state, input, returned ? returned.output : unknownOutcome)
    if (stepped === impossible) return false
    state = stepped
  }
  return true
}

function subsetsOf<A>(items: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> {
  const [first, ...rest] = items
  if (first === undefined) return [[]]
  return subsetsOf(rest).flatMap((subset) => [subset, [first, ...subset]])
}

function ordersOf<A>(items: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> {
  if (items.length === 0) return [[]]
  return items.flatMap((first, at) =>
    ordersOf(items.toSpliced(at, 1)).map((order) => [first, ...order])
  )
}
