/**
 * Histories of a store of texts, one event a line:
 * `{:process 0, :type :invoke, :f :append, :key "0", :value "x"}`.
 *
 * The time of an event is the number of its line.
 */
import type { Input, Output } from "./AppendModel.ts"
import type { Operation } from "./History.ts"
import { RecordedCalls, Unreadable } from "./RecordedCalls.ts"

const eventPattern =
  /^\{:process (\d+), :type :(\w+), :f :(\w+), :key ("(?:[^"\\]|\\["\\])*"), :value (nil|"(?:[^"\\]|\\["\\])*")\}$/

/** Is it one, by its first line? */
export const isOne = (text: string): boolean => text.trimStart().startsWith("{:process ")

export function parse(text: string): ReadonlyArray<Operation<Input, Output>> {
  const calls = new RecordedCalls<Input, Output>()
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue
    const at = index + 1
    const [, client, type, name, quotedKey, quotedValue] = eventPattern.exec(line.trimEnd()) ?? []
    if (client === undefined) throw new Unreadable(at, "is no event")
    const key = unquoted(quotedKey!)
    const value = quotedValue === "nil" ? undefined : unquoted(quotedValue!)
    if (type === "invoke") {
      calls.invoke(client, { name: name!, input: inputOf(name!, key, value, at), at })
      continue
    }
    const input = calls.inputOf(client, name!, at)
    if (input.key !== key) throw new Unreadable(at, "answers of another key")
    if (type === "info") calls.lose(client)
    else if (type === "fail") calls.withdraw(client)
    else if (type !== "ok") throw new Unreadable(at, `has an event of type ${type}`)
    else calls.return(client, { at, output: outputOf(input, value, at) })
  }
  return calls.operations
}

function inputOf(name: string, key: string, value: string | undefined, at: number): Input {
  if (name === "get" && value === undefined) return { _tag: "Get", key }
  if (name === "put" && value !== undefined) return { _tag: "Put", key, value }
  if (name === "append" && value !== undefined) return { _tag: "Append", key, value }
  throw new Unreadable(at, "has an unknown operation")
}

/** A put and an append repeat what was asked. */
function outputOf(input: Input, value: string | undefined, at: number): Output {
  if (input._tag !== "Get") {
    if (value !== input.value) throw new Unreadable(at, "answers another value than was given")
    return { _tag: "Done" }
  }
  if (value === undefined) throw new Unreadable(at, "answers a get with no value")
  return { _tag: "Value", value }
}

/** In a string only quotes and backslashes are escaped. */
const unquoted = (text: string): string => text.slice(1, -1).replaceAll(/\\(.)/g, "$1")
