/**
 * What is between the nodes of a simulated cluster: links that are cut, and the weather on all others.
 * All chance comes from the seed; what nodes send each other still goes through a `MemoryNetwork`.
 */
import * as Effect from "effect/Effect"
import type { InstallSnapshot, Message } from "../../src/domain/raft/Message.ts"
import type { Exchange, MemoryNetwork } from "../../src/layers/MemoryNetwork.ts"
import type { Struck } from "./Findings.ts"
import type { Sim } from "./Sim.ts"
import type { SimulatedNode } from "./SimulatedNode.ts"

/** Who is at the ends of its links. */
export interface Ends {
  readonly node: (name: string) => SimulatedNode
  /** By member id; a spare has one once it was admitted. */
  readonly nameOf: ReadonlyMap<number, string>
  readonly sim: Sim
}

/** What may become of a message or of an answer; as a number each. */
export type Weather = Record<"loss" | "repeat" | "delayMillis" | "reorder" | "answers", number>

const calm: Weather = { loss: 0, repeat: 0, delayMillis: 1, reorder: 0, answers: 0 }
/** Five founders at most, and two spares, each admitted once. */
const ids = [1, 2, 3, 4, 5, 6, 7]

export class SimulatedNetwork {
  readonly weather: Weather = { ...calm, delayMillis: 2 }
  /** Told of each message, or answer, that meets it. */
  readonly meets: { [Kind in keyof Weather]?: Struck } = {}
  /** Pieces of snapshots, until a connection breaks. */
  private breaking = { pieces: Number.POSITIVE_INFINITY, struck: (): void => {} }
  /** How many have cut it, by "from to". */
  private readonly cuts = new Map<string, number>()
  private readonly network: MemoryNetwork
  private readonly ends: Ends

  constructor(network: MemoryNetwork, ends: Ends) {
    this.network = network
    this.ends = ends
    network.exchange = (exchange, answer) => this.exchanged(exchange, answer)
    network.piece = (message) => this.piece(message)
    const stationOf = network.stationOf.bind(network)
    network.stationOf = (message) =>
      this.isCut(message.from, message.to) ? undefined : stationOf(message)
    network.fate = (message) => {
      const from = this.member(message.from)
      // It has no power any more.
      if (from === undefined || from.isOff) return []
      const { life } = from
      for (const millis of this.delays(message)) {
        ends.sim.after(millis, () => from.hasLost(life) || this.arrive(message))
      }
      return []
    }
  }

  /** `undefined` of one that is no member yet: nothing is cut between it and others. */
  idOf(name: string): number | undefined {
    return [...this.ends.nameOf].find(([, other]) => other === name)?.[0]
  }

  /** What is sent from the one to the other is lost, until the function that it returns is called. */
  cut(from: number, to: number): () => void {
    const link = `${from} ${to}`
    const add = (more: number) => this.cuts.set(link, (this.cuts.get(link) ?? 0) + more)
    add(1)
    return () => void add(-1)
  }

  /** The same both ways, between it and everybody. */
  isolate(id: number): () => void {
    const others = ids.filter((other) => other !== id)
    const joins = others.flatMap((other) => [this.cut(id, other), this.cut(other, id)])
    return () => {
      for (const join of joins) join()
    }
  }

  /** Nothing is lost or late any more, but for those who are not to work. */
  heal(isolated: ReadonlyArray<string>): void {
    Object.assign(this.weather, calm)
    this.cuts.clear()
    for (const name of isolated) {
      const id = this.idOf(name)
      if (id !== undefined) this.isolate(id)
    }
  }

  /** The connection of a snapshot breaks after so many pieces. */
  breaksAfter(pieces: number, struck: Struck): void {
    this.breaking = { pieces, struck }
  }

  private member(id: number): SimulatedNode | undefined {
    const name = this.ends.nameOf.get(id)
    return name === undefined ? undefined : this.ends.node(name)
  }

  private isCut(from: number | undefined, to: number | undefined): boolean {
    return (this.cuts.get(`${from} ${to}`) ?? 0) > 0
  }

  private delays(message: Message): ReadonlyArray<number> {
    const { numbers } = this.ends.sim
    const { delayMillis, loss, reorder, repeat } = this.weather
    if (this.isCut(message.from, message.to) || this.met("loss", numbers.next() < loss)) return []
    const copies = this.met("repeat", numbers.next() < repeat) ? 2 : 1
    return Array.from({ length: copies }, () => {
      const isLate = this.met("reorder", reorder > 0 && numbers.below(3) === 0)
      const millis = numbers.below(delayMillis + 1)
      this.met("delayMillis", millis > 2)
      return millis + (isLate ? numbers.below(60) : 0)
    })
  }

  private met(kind: keyof Weather, isMet: boolean): boolean {
    if (isMet) this.meets[kind]?.()
    return isMet
  }

  private arrive(message: Message): void {
    const { network } = this
    const { sim } = this.ends
    this.member(message.to)?.processor.scheduleTask(() => {
      if (network.deliver(message) || sim.numbers.below(2) === 0) return
      const { from, to } = message
      network.stationOf({ from: to, to: from })?.receiver.unreachable(to)
    })
  }

  /** The node that is asked answers in its own time, if it does. */
  private exchanged<A>({ from, to }: Exchange, answer: Effect.Effect<A>): Effect.Effect<A> {
    return Effect.gen({ self: this }, function* () {
      yield* this.carried(from, to)
      const node = this.ends.node(to)
      if (node.isOff) return yield* Effect.never
      const given = yield* node.processor.run(answer)
      yield* this.carried(to, from)
      return given
    })
  }

  /** As long as a message takes; never ends if it is lost. */
  private carried(from: string, to: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { numbers } = this.ends.sim
      const isCut = this.isCut(this.idOf(from), this.idOf(to))
      const isLost = isCut || this.met("loss", numbers.next() < this.weather.loss)
      return isLost ? Effect.never : this.late
    })
  }

  /** Of a snapshot, sent when its sender has a turn. Nothing of a stream is lost: it breaks instead. */
  private piece({ from, to }: InstallSnapshot): Effect.Effect<void, "broken"> {
    return Effect.gen({ self: this }, function* () {
      const sender = this.member(from)!
      if (!sender.isOff) yield* sender.processor.run(Effect.void)
      if (sender.isOff || this.isCut(from, to)) return yield* Effect.fail("broken" as const)
      if (this.breaking.pieces-- === 0) {
        this.breaking.struck()
        return yield* Effect.fail("broken" as const)
      }
      yield* this.late
    })
  }

  private get late(): Effect.Effect<void> {
    return Effect.suspend(() =>
      Effect.sleep(this.ends.sim.numbers.below(this.weather.delayMillis + 1))
    )
  }
}
