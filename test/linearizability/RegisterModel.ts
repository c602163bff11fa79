/** One register: read, write, compare and set. It begins without a value. */
import { impossible, type Model, unknownOutcome } from "./Model.ts"

export type Value = number | undefined

export type Input =
  | { readonly _tag: "Read" }
  | { readonly _tag: "Write"; readonly value: number }
  | { readonly _tag: "CompareAndSet"; readonly expected: number; readonly value: number }

export type Output =
  | { readonly _tag: "Value"; readonly value: Value }
  | { readonly _tag: "Written" }
  /** A compare and set that found another value has changed nothing. */
  | { readonly _tag: "Compared"; readonly isSet: boolean }

function step(state: Value, input: Input, output: Output | typeof unknownOutcome) {
  switch (input._tag) {
    case "Read":
      if (output === unknownOutcome) return state
      return output._tag === "Value" && output.value === state ? state : impossible
    case "Write":
      return output === unknownOutcome || output._tag === "Written" ? input.value : impossible
    case "CompareAndSet": {
      const isSet = state === input.expected
      if (output !== unknownOutcome && !(output._tag === "Compared" && output.isSet === isSet)) {
        return impossible
      }
      return isSet ? input.value : state
    }
  }
}

export const model: Model<Value, Input, Output> = {
  initial: undefined,
  step,
  isRead: (_input, output) =>
    output._tag === "Value" || (output._tag === "Compared" && !output.isSet),
  isOverwrite: ({ _tag }) => _tag === "Write",
  keyOf: String,
  describeInput: (input) => {
    switch (input._tag) {
      case "Read":
        return "read"
      case "Write":
        return `write ${input.value}`
      case "CompareAndSet":
        return `set ${input.value} if it is ${input.expected}`
    }
  },
  describeOutput: (output) => {
    switch (output._tag) {
      case "Value":
        return describeValue(output.value)
      case "Written":
        return "written"
      case "Compared":
        return output.isSet ? "set" : "not set"
    }
  },
  describeState: describeValue
}

function describeValue(value: Value): string {
  return value === undefined ? "no value" : String(value)
}
