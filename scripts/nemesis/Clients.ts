/**
 * The clients of an episode: each asks one thing after the other, of random nodes, and has it recorded.
 *
 * Every value is written once in an episode, so a read tells which write it saw. Every second client
 * writes with a session, and repeats a write until it is answered (`RpcSession`); the others write once
 * and may not know what became of it.
 */
import * as Effect from "effect/Effect"
import type { Endpoint } from "../../src/domain/api/Endpoint.ts"
import * as RpcSession from "../../src/layers/RpcSession.ts"
import type * as KvModel from "../../test/linearizability/KvModel.ts"
import type { SeededNumbers } from "../../test/support/SeededNumbers.ts"
import * as Calls from "./Calls.ts"
import * as NodeWay from "./NodeWay.ts"
import type { Asked, Recorder } from "./Recorder.ts"

export interface Options {
  readonly recorder: Recorder
  readonly numbers: SeededNumbers
  readonly endpoints: () => ReadonlyArray<Endpoint>
  readonly isOver: () => boolean
  /** What keys and values begin with from now on; nothing if left out. */
  readonly marks?: (() => Marks) | undefined
}

export interface Marks {
  readonly key: string
  readonly value: string
}

const unmarked: Marks = { key: "", value: "" }

export const clientCount = 8
export const keys: ReadonlyArray<string> = Array.from({ length: 16 }, (_, at) => `key-${at}`)
/** Between two calls of a client: 8 of them are enough for any machine. */
const pauseMillis = 4
/** After a refusal: where nothing works, nothing is gained by haste. */
const refusedPauseMillis = 30
/** How long a client with a session repeats one write. */
const sessionMillis = 12_000

const puts = (...pairs: ReadonlyArray<{ readonly key: string; readonly value: string }>) =>
  pairs.map(({ key, value }): KvModel.Input => ({ _tag: "Put", key, value }))

/**
 * Returns when the client has had the answer, or its time was over, of the last thing it asked for: all
 * keys that it may have written.
 */
export const run = Effect.fnUntraced(function* (id: number, options: Options) {
  const { endpoints, isOver, marks = () => unmarked, numbers, recorder } = options
  const way = yield* NodeWay.make({ endpoints, below: numbers.below })
  const isInSession = id % 2 === 1
  const name = `${isInSession ? "session" : "plain"}-${id}`
  const writing = writingOf(way)
  const session = yield* RpcSession.make(noted(writing, name, recorder), {
    deadlineMillis: sessionMillis
  })
  const asked = (writes: ReadonlyArray<KvModel.Input>): Asked => ({
    ...{ client: name, writes },
    isInSession: isInSession && writes.length > 0
  })
  const chain = new Chain(name)
  const writer: Calls.Writing = isInSession ? session : writing

  const used = new Set<string>()
  const one = (at: number) => {
    const mark = marks()
    const value = `${mark.value}${name}.${at}`
    const own = keys.map((key) => mark.key + key)
    const key = own[numbers.below(own.length)]!
    used.add(mark.key)
    const choice = numbers.below(100)
    if (choice < 40) {
      return recorder.run(
        asked([]),
        way.call((client) => Calls.get(client, key))
      )
    }
    if (choice < 45) {
      return recorder.run(
        asked([]),
        way.call((client) => Calls.scan(client, `${mark.key}key-`, own))
      )
    }
    if (choice < 72) return recorder.run(asked(puts({ key, value })), Calls.put(writer, key, value))
    if (choice < 80) {
      return recorder.run(asked([{ _tag: "Delete", key }]), Calls.remove(writer, key))
    }
    if (choice < 86) {
      const create: Calls.PutIf = { _tag: "PutIf", key, value, revision: 0 }
      return recorder.run(asked([create]), Calls.putIf(writer, create))
    }
    if (choice < 92 || !isInSession) {
      const other = own[(own.indexOf(key) + 1 + numbers.below(own.length - 1)) % own.length]!
      const pairs = [
        { key, value },
        { key: other, value: `${value}+` }
      ]
      return recorder.run(asked(puts(...pairs)), Calls.putAll(writer, pairs))
    }
    return chain.advance(mark.key, value, (chainKey, from) =>
      recorder.run(
        asked(puts({ key: chainKey, value })),
        Calls.advance(writer, chainKey, { from, to: value })
      )
    )
  }
  for (let at = 1; !isOver(); at++) {
    const { answer } = yield* one(at)
    yield* Effect.sleep(answer === undefined ? refusedPauseMillis : pauseMillis)
  }
  return [...[...used].flatMap((mark) => keys.map((key) => mark + key)), ...chain.keys]
}, Effect.scoped)

const writingOf = (way: NodeWay.NodeWay): RpcSession.Writing => ({
  put: (key, value, write) => way.call((client) => client.put(key, value, write)),
  delete: (key, write) => way.call((client) => client.delete(key, write)),
  txn: (txn) => way.call((client) => client.txn(txn)),
  openSession: (sessionId) => way.call((client) => client.openSession(sessionId))
})

/** The same; what a session is told and rides out is noted. */
export const noted = (
  writing: RpcSession.Writing,
  name: string,
  recorder: Recorder
): RpcSession.Writing => ({
  put: (...given) => recorder.attempt(name, writing.put(...given)),
  delete: (...given) => recorder.attempt(name, writing.delete(...given)),
  txn: (txn) => recorder.attempt(name, writing.txn(txn)),
  openSession: (sessionId) => recorder.attempt(name, writing.openSession(sessionId))
})

/** Mutable: a key that one client alone writes; another one once it does not know what is there. */
class Chain {
  /** The last one is in use. */
  readonly keys: Array<string> = []
  private mark: string | undefined
  private last: string | undefined
  private readonly client: string

  constructor(client: string) {
    this.client = client
  }

  advance<A extends { readonly answer: unknown; readonly isUnknown: boolean }>(
    mark: string,
    to: string,
    call: (key: string, from: string | undefined) => Effect.Effect<A>
  ): Effect.Effect<A> {
    if (mark !== this.mark) this.begin(mark)
    return Effect.tap(call(this.keys.at(-1)!, this.last), ({ answer, isUnknown }) =>
      Effect.sync(() => {
        if (answer !== undefined) this.last = to
        if (isUnknown) this.begin(mark)
      })
    )
  }

  private begin(mark: string): void {
    this.keys.push(`${mark}chain-${this.client}-${this.keys.length + 1}`)
    this.mark = mark
    this.last = undefined
  }
}
