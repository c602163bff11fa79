/** Who uses a simulated cluster: writers with and without a session, and readers. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { SessionId, SessionSequence } from "../../src/domain/log/Request.ts"
import { KvStore } from "../../src/services/KvStore.ts"
import { isDefinite, tagOf } from "./ClusterCalls.ts"
import { Linearizable } from "./invariants/Linearizable.ts"
import { openSession, SharedKeys } from "./SharedKeys.ts"
import type { World } from "./World.ts"

const attemptsMax = 6

export class Clients {
  private readonly world: World
  private readonly isStale: boolean
  private readonly history: Linearizable
  private readonly shared: SharedKeys

  constructor(world: World, isStale: boolean) {
    this.world = world
    this.isStale = isStale
    this.history = new Linearizable(world.findings, () => world.sim.currentTimeMillisUnsafe())
    this.shared = new SharedKeys(world, this.history)
  }

  /** When all have applied the same: what is there on each of these nodes, and whether it may be. */
  judge(names: ReadonlyArray<string>): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      let last: number | undefined
      for (const name of names) last = (yield* this.shared.scan(name))?.seen ?? last
      this.history.judge(last)
    })
  }

  get all(): ReadonlyArray<Effect.Effect<void>> {
    const writers = [0, 1, 2].map((at) => this.writer(`w${at}`, at > 0))
    return [...writers, this.reader, this.reader, ...this.shared.clients]
  }

  /** One write and one read of every key, however often they must be tried. */
  get progress(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { counts } = this.world.watch.reads
      const { acknowledged, reads } = counts
      yield* this.world.until(
        () => counts.acknowledged > acknowledged + 3 && counts.reads > reads + 3,
        "writes and reads that succeed"
      )
    })
  }

  private writer(key: string, hasSession: boolean): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      let session: SessionId | undefined
      let sequence = 0
      while (!this.world.isOver) {
        yield* Effect.sleep(this.world.sim.numbers.below(20))
        if (hasSession && session === undefined) {
          session = yield* openSession(this.world, () => this.whoLeads())
          sequence = 0
          continue
        }
        sequence += 1
        const once = session === undefined ? undefined : { sessionId: session, sequence }
        if ((yield* this.write(key, once)) === "sessionLost") session = undefined
      }
    })
  }

  /** With a session it is tried again until there is an answer, without one it is not. */
  private write(key: string, session: SessionSequence | undefined) {
    return Effect.gen({ self: this }, function* () {
      const { findings, sim, watch } = this.world
      const number = watch.reads.next(key)
      const asked = this.writing(key, number)
      const value = Buffer.from(`value ${number}`)
      const put = Effect.flatMap(KvStore, (store) =>
        store.put(Buffer.from(key), value, { session })
      )
      let mayBeThere = false
      for (let attempt = 0; attempt < attemptsMax && !this.world.isOver; attempt++) {
        const name = this.whoLeads()
        if (name === undefined) {
          yield* Effect.sleep(20)
          continue
        }
        if (mayBeThere) findings.reach("sessionRetried")
        const answer = yield* this.world.call(name, put)
        if (answer !== "lost" && Exit.isSuccess(answer)) {
          const { revision } = answer.value
          this.acknowledged(key, number, { name, revision })
          const at = sim.currentTimeMillisUnsafe()
          const end = { _tag: "Answered", at, answer: { parts: [], taken: revision } } as const
          this.history.note({ ...asked, end })
          return "done"
        }
        const isOpen = answer === "lost" || !isDefinite(answer.cause)
        mayBeThere ||= isOpen
        if (session === undefined && isOpen) break
        if (answer !== "lost" && tagOf(answer.cause) === "SessionUnknown") {
          watch.reads.ended(key, number, "open")
          this.history.note({ ...asked, end: { _tag: "Unknown", reason: "SessionUnknown" } })
          return "sessionLost"
        }
        yield* Effect.sleep(sim.numbers.below(30))
      }
      watch.reads.ended(key, number, mayBeThere ? "open" : "failed")
      const end = { _tag: mayBeThere ? "Unknown" : "Refused", reason: "no answer" } as const
      this.history.note({ ...asked, end })
      return "done"
    })
  }

  private writing(key: string, number: number) {
    const invokedAt = this.world.sim.currentTimeMillisUnsafe()
    const writes = [{ _tag: "Put", key, value: `value ${number}` } as const]
    return { client: key, writes, isInSession: key !== "w0", invokedAt }
  }

  private acknowledged(
    key: string,
    number: number,
    { name, revision }: { readonly name: string; readonly revision: number }
  ): void {
    const { watch } = this.world
    const { watched } = this.world.node(name)
    if (watched !== undefined) watch.answered(watched)
    watch.once.seen(key, number, revision)
    watch.reads.ended(key, number, "acknowledged")
    this.world.note(`${key} ${number} ${revision}`)
  }

  private get reader(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      while (!this.world.isOver) {
        yield* Effect.sleep(this.world.sim.numbers.below(15))
        const name = this.world.pick(this.world.cluster.openNames)
        const key = this.world.pick(this.world.watch.reads.keys)
        if (name !== undefined && key !== undefined) yield* this.read(name, key)
      }
    })
  }

  /** True if it was answered. */
  read(name: string, key: string): Effect.Effect<boolean> {
    return Effect.gen({ self: this }, function* () {
      const { watch } = this.world
      const reading = watch.reads.begin(key)
      const options = this.isStale ? { stale: true } : undefined
      const get = Effect.flatMap(KvStore, (store) => store.get(Buffer.from(key), options))
      const answer = yield* this.world.call(name, get, 700)
      if (answer === "lost" || Exit.isFailure(answer)) return false
      const found = answer.value
      const text = found === undefined ? "value 0" : Buffer.from(found.value).toString()
      const number = Number(text.split(" ")[1])
      this.world.note(`${key} ${number} at ${name}`)
      if (found !== undefined) watch.once.seen(key, number, found.revision)
      watch.reads.end(reading, number, name)
      return true
    })
  }

  private whoLeads(): string | undefined {
    const { cluster } = this.world
    return cluster.readyLeader() ?? this.world.pick(cluster.openNames)
  }
}
