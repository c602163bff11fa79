/**
 * A history: what clients asked for and were answered, and when, by any clock that they share.
 *
 * What must never happen here: two operations put into an order that the clock did not see. So at
 * one time every call comes before every return: such operations are concurrent.
 */
import { invariant } from "../../src/domain/Invariant.ts"
import type { PlantedRule } from "./PlantedRule.ts"

export interface Operation<Input, Output> {
  /** Only for who reads it: operations of one client may overlap. */
  readonly client: string | number
  readonly input: Input
  readonly invokedAt: number
  /** Absent: its outcome is unknown. It may take effect at any time after its invocation, or never. */
  readonly returned: Returned<Output> | undefined
}

export interface Returned<Output> {
  readonly at: number
  readonly output: Output
}

/** A call or a return. */
export interface Event<Input, Output> {
  readonly _tag: "Call" | "Return"
  readonly operation: Operation<Input, Output>
  readonly at: number
}

/** In the order of time. */
export function eventsOf<Input, Output>(
  operations: ReadonlyArray<Operation<Input, Output>>,
  planted?: PlantedRule
): ReadonlyArray<Event<Input, Output>> {
  const lastCall = operations.reduce((at, { invokedAt }) => Math.max(at, invokedAt), -Infinity)
  const isRealTime = planted !== "real-time order ignored"
  return operations
    .flatMap((operation): ReadonlyArray<Event<Input, Output>> => {
      const { invokedAt, returned } = operation
      invariant(returned === undefined || invokedAt <= returned.at, "no return before its call")
      const call = { _tag: "Call", operation, at: isRealTime ? invokedAt : -Infinity } as const
      if (returned !== undefined) return [call, { _tag: "Return", operation, at: returned.at }]
      if (planted === "unknown never takes effect") return []
      if (planted !== "unknown must take effect soon") return [call]
      const at = Math.max(invokedAt, lastCall - 0.5)
      return [call, { _tag: "Return", operation, at }]
    })
    .sort((a, b) => (a.at === b.at ? rank(a) - rank(b) : a.at - b.at))
}

const rank = ({ _tag }: Event<unknown, unknown>): number => (_tag === "Call" ? 0 : 1)
