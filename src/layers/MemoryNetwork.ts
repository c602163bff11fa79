/**
 * The network of nodes in one process: what the memory transports send over.
 *
 * It outlives them, so that a node can be opened again. A test says what becomes of each message: lost,
 * late, or delivered more than once; and of each piece of a snapshot: late, or the connection breaks.
 * Deterministic: time is Effect's clock, and no chance of its own.
 * Proof: `test/contracts/Transport.ts`, `test/contracts/MemberChallenge.ts`.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { CapabilityAnswer } from "../domain/capability/CapabilityAnswer.ts"
import type { Challenge } from "../domain/capability/Challenge.ts"
import type { UnreachableDetail } from "../domain/capability/Reason.ts"
import type { MemberId, NodeName } from "../domain/Ids.ts"
import type { SnapshotTransferFailure } from "../domain/peer/Errors.ts"
import type { InstallSnapshot, Message } from "../domain/raft/Message.ts"
import type { Capability } from "../services/Capability.ts"
import type { Receiver } from "../services/Transport.ts"

/** A node on the network. */
export interface Station {
  readonly receiver: Receiver
  /** Does it know the sender as a peer? What comes from others is not heard. */
  readonly hears: (from: MemberId) => boolean
  /** Takes a snapshot in; ends when it is installed, or is not. */
  readonly takeIn: (
    message: InstallSnapshot,
    bytes: Stream.Stream<Uint8Array, SnapshotTransferFailure>
  ) => Effect.Effect<void, SnapshotTransferFailure>
}

/** Who asks whom. */
export interface Exchange {
  readonly from: NodeName
  readonly to: NodeName
}

export class MemoryNetwork {
  /** After how many milliseconds a message arrives, once for each number; none: it is lost. */
  fate: (message: Message) => ReadonlyArray<number> = () => [0]
  /** How a question gets to a node, and its answer back: at once. */
  exchange = <A>(_: Exchange, answer: Effect.Effect<A>): Effect.Effect<A> => answer
  /** How a piece of a snapshot gets there: at once. If that fails, the connection is broken. */
  piece = (_: InstallSnapshot): Effect.Effect<void, "broken"> => Effect.void
  private readonly stations = new Map<MemberId, Station>()
  /** By name, as a node has it also before it is a member. */
  private readonly answering = new Map<NodeName, Capability["Service"]>()

  join(id: MemberId, station: Station): void {
    this.stations.set(id, station)
  }

  leave(id: MemberId, station: Station): void {
    if (this.stations.get(id) === station) this.stations.delete(id)
  }

  /** Who hears this member there, if anybody. */
  stationOf({ from, to }: Pick<Message, "from" | "to">): Station | undefined {
    const station = this.stations.get(to)
    return station?.hears(from) === true ? station : undefined
  }

  /** False if nobody is there to take it. */
  deliver(message: Message): boolean {
    const station = this.stationOf(message)
    if (station === undefined) return false
    station.receiver.message(message)
    return true
  }

  /** The node of this name is asked from here on, until the scope closes. */
  answers(
    name: NodeName,
    capability: Capability["Service"]
  ): Effect.Effect<void, never, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => void this.answering.set(name, capability)),
      () =>
        Effect.sync(() => {
          if (this.answering.get(name) === capability) this.answering.delete(name)
        })
    )
  }

  /** What the node answers; fails if there is none. */
  challenge(
    exchange: Exchange,
    challenge: Challenge
  ): Effect.Effect<CapabilityAnswer, UnreachableDetail> {
    return Effect.suspend((): Effect.Effect<CapabilityAnswer, UnreachableDetail> => {
      const capability = this.answering.get(exchange.to)
      if (capability === undefined) return Effect.fail("noConnection")
      return this.exchange(exchange, capability.answer(challenge))
    })
  }
}
