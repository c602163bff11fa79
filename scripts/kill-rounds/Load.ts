/**
 * Clients that write until their node dies, and the reading back of all they were told.
 *
 * Each client has keys of its own and one write under way at a time: it creates a key, overwrites one
 * or deletes one. So at most one write of a key is without an answer when the node is killed.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Endpoint } from "../../src/domain/api/Endpoint.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import type { Ledger, Value } from "./Ledger.ts"

export interface LoadOptions {
  readonly endpoint: Endpoint
  readonly clientCount: number
  readonly seed: string
  readonly valueToken: string
  readonly keyToken: string
  readonly ledger: Ledger
  /** Called after each acknowledgement. */
  readonly onAcknowledged: () => void
}

/** What each of these says: nothing happened (docs/OPERATIONS.md). Every other failure leaves it open. */
const refusals: ReadonlySet<string> = new Set([
  "NotLeader",
  "LeaderNotReady",
  "TooManyProposals",
  "SpaceLow",
  "ProposalSuperseded",
  "CutoverInFlight"
])

/** A new key every other time; else a known one is overwritten, or deleted now and then. */
const nextWrite = (options: LoadOptions, keys: Array<string>, client: number, sequence: number) =>
  Effect.gen(function* () {
    const draw = yield* Random.next
    const value = `${options.valueToken}/${client}/${sequence}`
    if (keys.length === 0 || draw < 0.5) {
      const key = `${options.keyToken}/${client}/${sequence}`
      keys.push(key)
      return { key, value }
    }
    const key = keys[yield* Random.nextIntBetween(0, keys.length - 1)]!
    return { key, value: draw < 0.9 ? value : undefined }
  })

const clientOf = Effect.fnUntraced(function* (options: LoadOptions, client: number) {
  const { ledger } = options
  const connection = yield* RpcClientSocket.connect(options.endpoint)
  const keys: Array<string> = []
  for (let sequence = 0; ; sequence += 1) {
    const { key, value } = yield* nextWrite(options, keys, client, sequence)
    const write = value === undefined ? connection.delete(key) : connection.put(key, value)
    const answer = yield* Effect.result(write)
    if (answer._tag === "Success") {
      ledger.acknowledge(key, value)
      options.onAcknowledged()
    } else if (refusals.has(answer.failure._tag)) {
      ledger.refuse(key)
      yield* Effect.sleep("5 millis")
    } else {
      ledger.leaveOpen(key, value)
      return
    }
  }
}, Effect.scoped)

/** Returns when the connection of every client has ended. */
export const run = (options: LoadOptions) =>
  Effect.forEach(
    Array.from({ length: options.clientCount }, (_, client) => client),
    (client) =>
      // Nothing was sent by a client that has not connected before the kill.
      Effect.catchTag(clientOf(options, client), "EndpointUnreachable", () => Effect.void).pipe(
        Random.withSeed(`${options.seed}/${options.valueToken}/${client}`)
      ),
    { concurrency: "unbounded", discard: true }
  )

export interface Judgement {
  readonly lost: number
  readonly wrong: number
  /** The first few of both, in words. */
  readonly examples: ReadonlyArray<string>
}

const examplesMax = 5

/** Reads every key that was ever written, linearizably. */
export const readBack = Effect.fnUntraced(function* (endpoint: Endpoint, ledger: Ledger) {
  const connection = yield* RpcClientSocket.connect(endpoint)
  const counts = { right: 0, lost: 0, wrong: 0 }
  const examples: Array<string> = []
  yield* Effect.forEach(
    ledger.keys,
    Effect.fnUntraced(function* (key) {
      const found = yield* connection.get(key)
      const value: Value = found === undefined ? undefined : Buffer.from(found.value).toString()
      const expected = ledger.mayBe(key)
      const verdict = ledger.judge(key, value)
      counts[verdict] += 1
      if (verdict === "right" || examples.length === examplesMax) return
      examples.push(`${verdict}: ${key} is ${value ?? "missing"}, not ${expected}`)
    }),
    { concurrency: 64, discard: true }
  )
  return { lost: counts.lost, wrong: counts.wrong, examples }
}, Effect.scoped)
