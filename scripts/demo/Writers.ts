/**
 * Clients that write without pause through all nodes, and the record of what they were told.
 *
 * Each has a session, by which it repeats a write until it is answered. A write is counted as
 * acknowledged only after its answer has arrived, and everything else that a caller was told is an
 * error, whatever it was. What must never happen: an error that is not counted.
 */
import { randomBytes } from "node:crypto"
import { performance } from "node:perf_hooks"
import * as Effect from "effect/Effect"
import type { Endpoint } from "../../src/domain/api/Endpoint.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as RpcSession from "../../src/layers/RpcSession.ts"

export interface Acknowledged {
  readonly key: string
  readonly value: string
  readonly revision: number
  /** Of this process's clock, in milliseconds: when the request was sent and when its answer came. */
  readonly sentAt: number
  readonly answeredAt: number
}

/** The cutover as its caller saw it. */
export interface Interval {
  readonly askedAt: number
  readonly answeredAt: number
}

/** What every key of the writers begins with. */
export const prefix = "client-"

/** Between two writes of a client: what is shown is that nothing fails, not how much can be written. */
const pauseMillis = 20

export class Ledger {
  readonly acknowledged: Array<Acknowledged> = []
  /** How often each error was what a caller got in the end. */
  readonly errors = new Map<string, number>()
  /** Is in every value that is sent from now on, so that its bytes can be looked for on disk. */
  mark = ""
  isOver = false
  private waiting: Array<{ readonly isDue: () => boolean; readonly resume: () => void }> = []

  add(write: Acknowledged) {
    this.acknowledged.push(write)
    const due = this.waiting.filter(({ isDue }) => isDue())
    this.waiting = this.waiting.filter((waiter) => !due.includes(waiter))
    for (const { resume } of due) resume()
  }

  fail(error: string) {
    this.errors.set(error, (this.errors.get(error) ?? 0) + 1)
  }

  /** Returns once `isDue` holds after some acknowledgement. */
  until(isDue: () => boolean) {
    return Effect.callback<void>((resume) => {
      if (isDue()) return resume(Effect.void)
      this.waiting.push({ isDue, resume: () => resume(Effect.void) })
    })
  }

  /** Returns once so many more have been acknowledged. */
  more(count: number) {
    const start = this.acknowledged.length
    return this.until(() => this.acknowledged.length - start >= count)
  }

  get clientErrors(): number {
    return [...this.errors.values()].reduce((sum, count) => sum + count, 0)
  }

  /** Nobody knows whether these are applied. */
  get unanswered(): number {
    return this.errors.get("WriteOutcomeUnknown") ?? 0
  }

  /** The write that took longest until it was acknowledged. */
  get slowest(): Pick<Acknowledged, "sentAt" | "answeredAt"> {
    const none = { sentAt: 0, answeredAt: 0 }
    return this.acknowledged.reduce(
      (slowest: Pick<Acknowledged, "sentAt" | "answeredAt">, write) =>
        write.answeredAt - write.sentAt > slowest.answeredAt - slowest.sentAt ? write : slowest,
      none
    )
  }

  /** Acknowledged before the cutover was even asked for. */
  countBefore({ askedAt }: Interval) {
    return this.acknowledged.filter((write) => write.answeredAt < askedAt).length
  }

  /** Sent only after the answer of the cutover had come. */
  countAfter({ answeredAt }: Interval) {
    return this.acknowledged.filter((write) => write.sentAt > answeredAt).length
  }
}

/** One client, one write at a time, until it is over; it begins with the first of the endpoints. */
const client = Effect.fnUntraced(function* (
  endpoints: ReadonlyArray<Endpoint>,
  name: string,
  ledger: Ledger
) {
  const session = yield* RpcSession.make(yield* RpcClientSocket.connect(endpoints))
  for (let sequence = 0; !ledger.isOver; sequence += 1) {
    const key = `${name}/write-${sequence}`
    const value = `${key} ${ledger.mark} ${randomBytes(32).toString("hex")}`
    const sentAt = performance.now()
    const answer = yield* Effect.result(session.put(key, value))
    if (answer._tag === "Success") {
      const { revision } = answer.success
      ledger.add({ key, value, revision, sentAt, answeredAt: performance.now() })
    } else {
      ledger.fail(answer.failure._tag)
    }
    yield* Effect.sleep(pauseMillis)
  }
}, Effect.scoped)

/** Returns when every client has its last answer, after `ledger.isOver`. They share the nodes evenly. */
export const run = (endpoints: ReadonlyArray<Endpoint>, clientCount: number, ledger: Ledger) =>
  Effect.forEach(
    Array.from({ length: clientCount }, (_, number) => number),
    (number) => {
      const at = number % endpoints.length
      const ownFirst = [...endpoints.slice(at), ...endpoints.slice(0, at)]
      return Effect.catch(client(ownFirst, `${prefix}${number}`, ledger), ({ _tag }) =>
        Effect.sync(() => ledger.fail(_tag))
      )
    },
    { concurrency: "unbounded", discard: true }
  )

export interface ReadBack {
  /** Acknowledged, and not there. */
  readonly lost: number
  /** There with another value than was acknowledged. */
  readonly wrong: number
  /** There, but written at another revision than was answered, or more than once. */
  readonly repeated: number
  /** Of the store of that node. */
  readonly revision: number
}

const pageRows = 500

/** Reads everything at this one node, as that node has it, and compares. */
export const readBack = Effect.fnUntraced(function* (
  endpoint: Endpoint,
  acknowledged: ReadonlyArray<Acknowledged>
) {
  const connection = yield* RpcClientSocket.connect(endpoint)
  const { revision } = yield* connection.status
  const found = new Map<string, { readonly value: string; readonly at: ReadonlyArray<number> }>()
  const span = { _tag: "Prefix", prefix: new TextEncoder().encode(prefix) } as const
  let continuation: Uint8Array | undefined
  do {
    const page = yield* connection.range({ span, limit: pageRows, continuation, stale: true })
    for (const row of page.entries) {
      found.set(Buffer.from(row.key).toString(), {
        value: Buffer.from(row.value).toString(),
        at: [row.createRevision, row.revision]
      })
    }
    continuation = page.continuation
  } while (continuation !== undefined)
  const count = (isSo: (write: Acknowledged) => boolean) => acknowledged.filter(isSo).length
  const read: ReadBack = {
    lost: count(({ key }) => !found.has(key)),
    wrong: count(({ key, value }) => found.has(key) && found.get(key)?.value !== value),
    repeated: count(
      ({ key, revision }) => found.get(key)?.at.some((at) => at !== revision) ?? false
    ),
    revision
  }
  return read
}, Effect.scoped)
