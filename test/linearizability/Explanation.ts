/** A violation for people: which operation fits nowhere, and what there was to fit it between. */
import type { Violation } from "./Checker.ts"
import type { Operation } from "./History.ts"
import type { Model } from "./Model.ts"

const statesShownMax = 8
const orderShownMax = 6
const openShownMax = 20

export function text<State, Input, Output>(
  model: Model<State, Input, Output>,
  { key, open, order, states, stuck }: Violation<State, Input, Output>
): string {
  const describe = (operation: Operation<Input, Output>) => `  ${line(model, operation)}`
  return [
    `${key === "" ? "" : `key ${JSON.stringify(key)}: `}no order explains the answer of`,
    describe(stuck),
    open.length === 0
      ? "Nothing else was open then."
      : "In whatever order those that were open with it take effect:",
    ...shortened(open.map(describe), openShownMax),
    "By then the state can only have been",
    ...shortened(
      states.map((state) => `  ${model.describeState(state)}`),
      statesShownMax
    ),
    ...(order.length === 0 ? [] : ["after, for example,"]),
    ...(order.length > orderShownMax ? [`  … ${order.length - orderShownMax} before them`] : []),
    ...order.slice(-orderShownMax).map(describe)
  ].join("\n")
}

function line<State, Input, Output>(
  model: Model<State, Input, Output>,
  { client, input, invokedAt, returned }: Operation<Input, Output>
): string {
  const asked = `client ${client}: ${model.describeInput(input)}`
  return returned === undefined
    ? `${asked} → unknown (from ${invokedAt} on)`
    : `${asked} → ${model.describeOutput(returned.output)} (${invokedAt} to ${returned.at})`
}

const shortened = (lines: ReadonlyArray<string>, max: number): ReadonlyArray<string> =>
  lines.length <= max ? lines : [...lines.slice(0, max), `  … and ${lines.length - max} more`]
