/**
 * Clients that write without pause, and the record of what was acknowledged to them.
 *
 * A write is counted as acknowledged only after its answer has arrived. A write whose connection ended
 * before the answer may or may not be applied: it is neither acknowledged nor refused.
 */
import { randomBytes } from "node:crypto"
import { performance } from "node:perf_hooks"
import * as Effect from "effect/Effect"
import type { Endpoint } from "../../src/domain/api/Endpoint.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"

export interface Acknowledged {
  readonly key: string
  readonly value: string
  /** Of this process's clock, in milliseconds: when the request was sent and when its answer came. */
  readonly sentAt: number
  readonly answeredAt: number
}

/** The cutover as its caller saw it. */
export interface Interval {
  readonly askedAt: number
  readonly answeredAt: number
}

export class Ledger {
  readonly acknowledged: Array<Acknowledged> = []
  refused = 0
  /** Neither acknowledged nor refused. */
  unanswered = 0
  longestMillis = 0
  private waiting: Array<{ readonly isDue: () => boolean; readonly resume: () => void }> = []

  add(write: Acknowledged) {
    this.acknowledged.push(write)
    this.longestMillis = Math.max(this.longestMillis, write.answeredAt - write.sentAt)
    const due = this.waiting.filter(({ isDue }) => isDue())
    this.waiting = this.waiting.filter((waiter) => !due.includes(waiter))
    for (const { resume } of due) resume()
  }

  /** Returns once `isDue` holds after some acknowledgement. */
  until(isDue: () => boolean) {
    return Effect.callback<void>((resume) => {
      if (isDue()) return resume(Effect.void)
      this.waiting.push({ isDue, resume: () => resume(Effect.void) })
    })
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

/** One client, one connection, one write at a time, until its connection ends. */
const client = Effect.fnUntraced(function* (endpoint: Endpoint, number: number, ledger: Ledger) {
  const connection = yield* RpcClientSocket.connect(endpoint)
  for (let sequence = 0; ; sequence += 1) {
    const key = `client-${number}/write-${sequence}`
    const value = `${key} ${randomBytes(64).toString("hex")}`
    const sentAt = performance.now()
    const answer = yield* Effect.result(connection.put(key, value))
    if (answer._tag === "Success") {
      ledger.add({ key, value, sentAt, answeredAt: performance.now() })
      continue
    }
    if (answer.failure._tag === "ConnectionLost") {
      ledger.unanswered += 1
      return
    }
    ledger.refused += 1
    yield* Effect.sleep("5 millis")
  }
}, Effect.scoped)

/** Returns when the connection of every client has ended. */
export const run = (endpoint: Endpoint, clientCount: number, ledger: Ledger) =>
  Effect.forEach(
    Array.from({ length: clientCount }, (_, number) => number),
    (number) => client(endpoint, number, ledger),
    { concurrency: "unbounded", discard: true }
  )

/** Reads every acknowledged write back and compares. */
export const verify = Effect.fnUntraced(function* (
  endpoint: Endpoint,
  acknowledged: ReadonlyArray<Acknowledged>
) {
  const connection = yield* RpcClientSocket.connect(endpoint)
  let lost = 0
  let wrong = 0
  yield* Effect.forEach(
    acknowledged,
    Effect.fnUntraced(function* ({ key, value }) {
      const found = yield* connection.get(key)
      if (found === undefined) lost += 1
      else if (!Buffer.from(value).equals(found.value)) wrong += 1
    }),
    { concurrency: 64, discard: true }
  )
  return { lost, wrong }
}, Effect.scoped)
