/**
 * Histories of clients of one object that takes one operation at a time, drawn from a seed.
 *
 * As they come they are linearizable. With `lies`, some answers are drawn instead of given: most
 * such histories are not. With `losses`, some answers never arrive, and the operation takes effect
 * later or never. One time in three the clock is coarse, so that many things happen at one time.
 */
import type { SeededNumbers } from "../support/SeededNumbers.ts"
import type { Operation, Returned } from "./History.ts"

/** The object, as it really behaves: not through the model that is checked. */
export interface RandomObject<Input, Output> {
  readonly input: (numbers: SeededNumbers) => Input
  /** Mutates the object and answers. */
  readonly make: () => (input: Input) => Output
  /** An answer that such an input might get. */
  readonly lie: (numbers: SeededNumbers, input: Input) => Output
}

export interface Shape {
  readonly operations: number
  readonly clients: number
  /** Of answers, 0 to 1. */
  readonly lies: number
  readonly losses: number
}

interface Underway<Input, Output> {
  readonly index: number
  readonly input: Input
  /** Nobody waits for it any more. */
  readonly isLost: boolean
  output: Output | undefined
}

export function history<Input, Output>(
  object: RandomObject<Input, Output>,
  { clients, lies, losses, operations: count }: Shape,
  numbers: SeededNumbers
): ReadonlyArray<Operation<Input, Output>> {
  const apply = object.make()
  const operations: Array<Operation<Input, Output> & { returned: Returned<Output> | undefined }> =
    []
  const waiting = new Map<number, Underway<Input, Output>>()
  const lost = new Set<Underway<Input, Output>>()
  const isCoarse = numbers.below(3) === 0
  let step = 0
  const now = () => (isCoarse ? Math.floor(step / 4) : step)

  const invoke = (client: number) => {
    const input = object.input(numbers)
    const isLost = numbers.next() < losses
    const call = { index: operations.length, input, isLost, output: undefined }
    operations.push({ client, input, invokedAt: now(), returned: undefined })
    if (isLost) lost.add(call)
    else waiting.set(client, call)
  }
  const advance = (client: number, call: Underway<Input, Output>) => {
    if (call.output === undefined) {
      call.output = apply(call.input)
      return
    }
    const output = numbers.next() < lies ? object.lie(numbers, call.input) : call.output
    operations[call.index]!.returned = { at: now(), output }
    waiting.delete(client)
  }

  while (operations.length < count || waiting.size > 0) {
    step += 1
    const client = numbers.below(clients)
    const call = waiting.get(client)
    if (call !== undefined) advance(client, call)
    else if (operations.length < count) invoke(client)
    for (const late of lost) {
      if (numbers.below(6) !== 0) continue
      apply(late.input)
      lost.delete(late)
    }
  }
  return operations
}
