/**
 * Histories of one register as Jepsen logs them: `INFO  jepsen.util - 3	:invoke	:cas	[1 2]`.
 *
 * `:ok` answers, `:fail` says that nothing was changed (of `:cas`: because the value was another),
 * `:info` that nobody knows. The time of an event is the number of its line.
 */
import type { Operation } from "./History.ts"
import { RecordedCalls, Unreadable } from "./RecordedCalls.ts"
import type { Input, Output } from "./RegisterModel.ts"

const eventPattern = /^INFO\s+jepsen\.util\s+-\s+(\d+)\s+:(\w+)\s+:(\w+)\s+(.+)$/

/** Is it one, by its first line? */
export const isOne = (text: string): boolean =>
  eventPattern.test(text.trimStart().split("\n", 1)[0]!)

export function parse(text: string): ReadonlyArray<Operation<Input, Output>> {
  const calls = new RecordedCalls<Input, Output>()
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue
    const at = index + 1
    const [, client, type, name, value] = eventPattern.exec(line.trimEnd()) ?? []
    if (client === undefined) throw new Unreadable(at, "is no event")
    if (type === "invoke") {
      calls.invoke(client, { name: name!, input: inputOf(name!, value!, at), at })
      continue
    }
    const input = calls.inputOf(client, name!, at)
    if (type === "info") calls.lose(client)
    else if (type === "ok") calls.return(client, { at, output: outputOf(input, value!, at) })
    else if (type !== "fail") throw new Unreadable(at, `has an event of type ${type}`)
    else if (input._tag === "CompareAndSet" && value !== ":timed-out") {
      calls.return(client, { at, output: { _tag: "Compared", isSet: false } })
    } else calls.withdraw(client)
  }
  return calls.operations
}

function inputOf(name: string, value: string, at: number): Input {
  if (name === "read" && value === "nil") return { _tag: "Read" }
  if (name === "write") return { _tag: "Write", value: integer(value, at) }
  const [, expected, replacement] = /^\[(\S+) (\S+)\]$/.exec(value) ?? []
  if (name !== "cas" || expected === undefined) throw new Unreadable(at, "has an unknown operation")
  return {
    _tag: "CompareAndSet",
    expected: integer(expected, at),
    value: integer(replacement!, at)
  }
}

/** A write and a compare and set repeat what was asked. */
function outputOf(input: Input, value: string, at: number): Output {
  if (input._tag === "Read") {
    return { _tag: "Value", value: value === "nil" ? undefined : integer(value, at) }
  }
  const asked = input._tag === "Write" ? `${input.value}` : `[${input.expected} ${input.value}]`
  if (value !== asked) throw new Unreadable(at, `answers ${value} to ${asked}`)
  return input._tag === "Write" ? { _tag: "Written" } : { _tag: "Compared", isSet: true }
}

function integer(text: string, at: number): number {
  if (!/^-?\d{1,15}$/.test(text)) throw new Unreadable(at, `has ${text} for a number`)
  return Number(text)
}
