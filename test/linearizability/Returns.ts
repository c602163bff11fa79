/**
 * The returns of a history, each with what was open when it came: a search goes from one to the next.
 *
 * An operation that returns has a slot while it is open, which is used again; one of unknown outcome
 * has a number for good. Both are told as bits.
 */
import type { Event, Operation } from "./History.ts"

/** One that returns, and has not yet. */
export interface OpenOperation<Input, Output> {
  readonly operation: Operation<Input, Output>
  readonly bit: bigint
}

export interface UnknownOperation<Input, Output> extends OpenOperation<Input, Output> {
  /** The bit of the one before that it is like; 0 if there is none. */
  readonly twin: bigint
}

export interface Return<Input, Output> {
  /** Of the operation that returns. */
  readonly bit: bigint
  readonly open: ReadonlyArray<OpenOperation<Input, Output>>
  readonly unknown: ReadonlyArray<UnknownOperation<Input, Output>>
}

/** Unknown operations of one likeness can stand for each other. */
export function of<Input, Output>(
  events: ReadonlyArray<Event<Input, Output>>,
  likenessOf: (operation: Operation<Input, Output>) => string
): ReadonlyArray<Return<Input, Output>> {
  const returning = new Set(
    events.flatMap(({ _tag, operation }) => (_tag === "Return" ? [operation] : []))
  )
  const returns: Array<Return<Input, Output>> = []
  const twins = new Map<string, bigint>()
  const slots: Array<Operation<Input, Output> | undefined> = []
  let open: ReadonlyArray<OpenOperation<Input, Output>> = []
  let unknown: ReadonlyArray<UnknownOperation<Input, Output>> = []
  for (const { _tag, operation } of events) {
    if (_tag === "Return") {
      const slot = slots.indexOf(operation)
      returns.push({ bit: 1n << BigInt(slot), open, unknown })
      slots[slot] = undefined
      open = open.filter((other) => other.operation !== operation)
    } else if (returning.has(operation)) {
      const free = slots.indexOf(undefined)
      const slot = free === -1 ? slots.length : free
      slots[slot] = operation
      open = [...open, { operation, bit: 1n << BigInt(slot) }]
    } else {
      const likeness = likenessOf(operation)
      const bit = 1n << BigInt(unknown.length)
      unknown = [...unknown, { operation, bit, twin: twins.get(likeness) ?? 0n }]
      twins.set(likeness, bit)
    }
  }
  return returns
}
