/** One key of a store of texts: get, put, append. It begins with the empty text. */
import { impossible, type Model, unknownOutcome } from "./Model.ts"

export type Input =
  | { readonly _tag: "Get"; readonly key: string }
  | { readonly _tag: "Put"; readonly key: string; readonly value: string }
  | { readonly _tag: "Append"; readonly key: string; readonly value: string }

export type Output = { readonly _tag: "Value"; readonly value: string } | { readonly _tag: "Done" }

function step(state: string, input: Input, output: Output | typeof unknownOutcome) {
  if (input._tag === "Get") {
    if (output === unknownOutcome) return state
    return output._tag === "Value" && output.value === state ? state : impossible
  }
  if (output !== unknownOutcome && output._tag !== "Done") return impossible
  return input._tag === "Put" ? input.value : state + input.value
}

export const model: Model<string, Input, Output> = {
  initial: "",
  step,
  isRead: (_input, output) => output._tag === "Value",
  isOverwrite: ({ _tag }) => _tag === "Put",
  keyOf: (state) => state,
  describeInput: (input) =>
    input._tag === "Get" ? "get" : `${input._tag.toLowerCase()} ${quoted(input.value)}`,
  describeOutput: (output) => (output._tag === "Value" ? quoted(output.value) : "done"),
  describeState: (state) => quoted(state)
}

export const keyOf = ({ key }: Input): string => key

/** What was appended last tells two long texts apart. */
function quoted(text: string): string {
  const shown = 60
  return text.length <= shown ? JSON.stringify(text) : `…${JSON.stringify(text.slice(-shown))}`
}
