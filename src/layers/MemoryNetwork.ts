/**
 * The network of nodes in one process: what the memory transports send over.
 *
 * It outlives them, so that a node can be opened again. A test says what becomes of each message: lost,
 * late, or delivered more than once. Deterministic: time is Effect's clock, and no chance of its own.
 * Proof: `test/contracts/Transport.ts`, run by `test/layers/TransportMemory.test.ts`.
 */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { MemberId } from "../domain/Ids.ts"
import type { SnapshotTransferFailure } from "../domain/peer/Errors.ts"
import type { InstallSnapshot, Message } from "../domain/raft/Message.ts"
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

export class MemoryNetwork {
  /** After how many milliseconds a message arrives, once for each number; none: it is lost. */
  fate: (message: Message) => ReadonlyArray<number> = () => [0]
  private readonly stations = new Map<MemberId, Station>()

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
}
