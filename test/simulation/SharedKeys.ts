/**
 * Clients of a simulated cluster that write the same few keys: gets and ranges, puts, deletes, and
 * transactions that create a key or replace what was read, on whatever node.
 *
 * No value is written twice, so a read tells which write it saw. One has a session and repeats a write
 * until it is answered; one asks once and may not know what became of it. What must never happen: a
 * write noted as refused that may be applied. Who judges: `invariants/Linearizable.ts`.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Calls from "../../scripts/nemesis/Calls.ts"
import type { Answer } from "../../scripts/nemesis/History.ts"
import { SessionId, type SessionSequence } from "../../src/domain/log/Request.ts"
import { KvStore } from "../../src/services/KvStore.ts"
import type * as KvModel from "../linearizability/KvModel.ts"
import { isDefinite, tagOf } from "./ClusterCalls.ts"
import type { Linearizable } from "./invariants/Linearizable.ts"
import type { World } from "./World.ts"

const keys = ["s0", "s1"] as const
/** Refused so often, a client gives up. */
const refusalsMax = 6
const pauseMillisMax = 250

type Store = KvStore["Service"]
type Write = Exclude<KvModel.Input, { readonly _tag: "Get" }>

/** Why there is no answer; `_tag` as in the refusals of a store. */
interface Unanswered {
  readonly _tag: string
  readonly message: string
}

export class SharedKeys {
  private readonly world: World
  private readonly history: Linearizable

  constructor(world: World, history: Linearizable) {
    this.world = world
    this.history = history
  }

  get clients(): ReadonlyArray<Effect.Effect<void>> {
    return [this.client("plain", false), this.client("session", true)]
  }

  /** All keys on this node: what is there in the end. `undefined` if it does not answer. */
  scan(name: string): Effect.Effect<Answer | undefined> {
    const scan = this.asked(name, (store) => Calls.scan(storeOf(store), "s", keys), 700)
    return this.history.run({ client: name, writes: [], isInSession: false }, scan)
  }

  private client(name: string, hasSession: boolean): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { numbers } = this.world.sim
      const revisions = new Map<string, number>()
      let session: SessionId | undefined
      for (let number = 1; !this.world.isOver; number++) {
        yield* Effect.sleep(numbers.below(pauseMillisMax))
        const key = keys[numbers.below(keys.length)]!
        const isRead = numbers.below(3) === 0
        if (hasSession && session === undefined && !isRead) {
          session = yield* openSession(this.world, () => this.world.cluster.readyLeader())
        }
        if (hasSession && session === undefined && !isRead) continue
        const once = session === undefined ? undefined : { sessionId: session, sequence: number }
        const value = `value ${name}.${number}`
        const answer = isRead
          ? yield* this.read(name, key)
          : yield* this.write(name, this.drawn(key, value, revisions.get(key) ?? 0), once)
        // What became of the last write of a session is not asked for again: another one begins.
        if (answer === undefined && !isRead) session = undefined
        for (const { input, output } of answer?.parts ?? []) note(revisions, input.key, output)
      }
    })
  }

  private drawn(key: string, value: string, revision: number): Write {
    const choice = this.world.sim.numbers.below(10)
    if (choice < 3) return { _tag: "Put", key, value }
    if (choice < 5) return { _tag: "Delete", key }
    return { _tag: "PutIf", key, value, revision: choice < 7 ? 0 : revision }
  }

  private read(client: string, key: string): Effect.Effect<Answer | undefined> {
    const name = this.world.pick(this.world.cluster.openNames)
    if (name === undefined) return Effect.succeed(undefined)
    if (this.world.sim.numbers.below(4) === 0) return this.scan(name)
    const get = this.asked(name, (store) => Calls.get(storeOf(store), key), 700)
    return this.history.run({ client, writes: [], isInSession: false }, get)
  }

  private write(client: string, input: Write, session: SessionSequence | undefined) {
    const asked = { client, writes: [input], isInSession: session !== undefined }
    return this.history.run(asked, this.answered(input, session))
  }

  /** With a session it is asked for again until there is an answer. */
  private answered(input: Write, session: SessionSequence | undefined) {
    return Effect.gen({ self: this }, function* () {
      let isOpen = false
      let last: Unanswered = { _tag: "NotLeader", message: "nobody was there to be asked" }
      for (let refusals = 0; refusals < refusalsMax && !this.world.isOver; ) {
        const name = this.target
        const call = (store: Store) => written(storeOf(store, session), input)
        const exit = yield* Effect.exit(
          name === undefined ? Effect.fail(last) : this.asked(name, call)
        )
        if (Exit.isSuccess(exit)) return exit.value
        const isRefused = isDefinite(exit.cause)
        isOpen ||= !isRefused
        last = { _tag: tagOf(exit.cause), message: "" }
        if (last._tag === "SessionUnknown" || (session === undefined && isOpen)) break
        if (isRefused) refusals += 1
        yield* Effect.sleep(20 + this.world.sim.numbers.below(30))
      }
      return yield* Effect.fail(isOpen ? { ...last, _tag: "Unanswered" } : last)
    })
  }

  /** On one node, once. */
  private asked<E>(
    name: string,
    call: (store: Store) => Effect.Effect<Answer, E>,
    timeoutMillis?: number
  ): Effect.Effect<Answer, unknown> {
    const calling = this.world.call(name, Effect.flatMap(KvStore, call), timeoutMillis)
    return Effect.flatMap(calling, (answer) => {
      if (answer === "lost") return Effect.fail({ _tag: "Lost", message: "no answer" })
      return answer
    })
  }

  /** Mostly who leads, for the others refuse. */
  private get target(): string | undefined {
    const { cluster, sim } = this.world
    const leader = sim.numbers.below(4) === 0 ? undefined : cluster.readyLeader()
    return leader ?? this.world.pick(cluster.openNames)
  }
}

/** By whoever is chosen; `undefined` if it is not known to be there. */
export const openSession = (
  world: World,
  choose: () => string | undefined
): Effect.Effect<SessionId | undefined> =>
  Effect.gen(function* () {
    const { numbers } = world.sim
    const digits = Array.from({ length: 32 }, () => numbers.below(16).toString(16))
    const id = SessionId.make(digits.join(""))
    const name = choose()
    if (name === undefined) return undefined
    const opening = Effect.flatMap(KvStore, (store) => store.openSession(id))
    const answer = yield* world.call(name, opening)
    return answer !== "lost" && Exit.isSuccess(answer) ? id : undefined
  })

/** A store as `Calls` asks for it: keys are text. */
const storeOf = (store: Store, session?: SessionSequence) => ({
  get: (key: string | Uint8Array) => store.get(Buffer.from(key)),
  range: store.range,
  put: (key: string, value: string) => store.put(Buffer.from(key), Buffer.from(value), { session }),
  delete: (key: string) => store.delete(Buffer.from(key), { session }),
  txn: (txn: Parameters<Store["txn"]>[0]) => store.txn({ ...txn, session })
})

function written(
  writing: ReturnType<typeof storeOf>,
  input: Write
): Effect.Effect<Answer, Unanswered> {
  switch (input._tag) {
    case "Put":
      return Calls.put(writing, input.key, input.value)
    case "Delete":
      return Calls.remove(writing, input.key)
    case "PutIf":
      return Calls.putIf(writing, input)
  }
}

/** The revision to be replaced by the next one. */
function note(revisions: Map<string, number>, key: string, output: KvModel.Output): void {
  const revision = output._tag === "NotFound" || output._tag === "Deleted" ? 0 : output.revision
  if (revision !== undefined) revisions.set(key, revision)
}
