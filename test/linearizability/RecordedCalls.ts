/**
 * Operations put together from the events of a file, in which a client does one thing at a time.
 *
 * What must never happen: a file read in part. Whatever is not understood is {@link Unreadable}.
 */
import type { Operation, Returned } from "./History.ts"

export class Unreadable extends Error {
  constructor(line: number, what: string) {
    super(`line ${line} ${what}`)
    this.name = "Unreadable"
  }
}

export interface Call<Input> {
  readonly name: string
  readonly input: Input
  readonly at: number
}

/** Mutable: one per file. */
export class RecordedCalls<Input, Output> {
  private readonly waiting = new Map<string, Call<Input>>()
  private readonly ended: Array<Operation<Input, Output>> = []

  invoke(client: string, call: Call<Input>): void {
    const before = this.waiting.get(client)
    if (before !== undefined) {
      throw new Unreadable(call.at, `is a call of a client that waits since line ${before.at}`)
    }
    this.waiting.set(client, call)
  }

  /** What the client waits for, which must be of this name. */
  inputOf(client: string, name: string, at: number): Input {
    const call = this.waiting.get(client)
    if (call === undefined) throw new Unreadable(at, "answers a client that does not wait")
    if (call.name !== name)
      throw new Unreadable(at, `answers ${name} to the ${call.name} of line ${call.at}`)
    return call.input
  }

  return(client: string, returned: Returned<Output>): void {
    this.end(client, returned)
  }

  /** Nobody knows what became of it. */
  lose(client: string): void {
    this.end(client, undefined)
  }

  /** It is known to have done nothing and to have told nothing. */
  withdraw(client: string): void {
    this.waiting.delete(client)
  }

  /** By their calls; who still waits at the end of the file has not been answered. */
  get operations(): ReadonlyArray<Operation<Input, Output>> {
    for (const client of [...this.waiting.keys()]) this.lose(client)
    return this.ended.toSorted((a, b) => a.invokedAt - b.invokedAt)
  }

  private end(client: string, returned: Returned<Output> | undefined): void {
    const { at, input } = this.waiting.get(client)!
    this.waiting.delete(client)
    this.ended.push({ client, input, invokedAt: at, returned })
  }
}
