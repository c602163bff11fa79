/**
 * How Raft messages and snapshots leave this node and reach it (SPEC §9, §15, §16).
 *
 * Messages may be lost, repeated or overtaken, never changed, and never come from anybody but the
 * member they name. Sending never waits for a peer: what does not fit a peer's bounded queue is
 * dropped, which Raft makes good. A snapshot has a connection of its own, beside the messages.
 * Proof: `test/contracts/Transport.ts`, `test/contracts/SnapshotTransfer.ts`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Endpoint } from "../domain/api/Endpoint.ts"
import type { Incarnation, MemberId, NodeName } from "../domain/Ids.ts"
import type { SnapshotTransferFailure } from "../domain/peer/Errors.ts"
import type { InstallSnapshot, Message } from "../domain/raft/Message.ts"

/** Another member, and where it is reached. */
export interface Peer {
  readonly id: MemberId
  readonly nodeName: NodeName
  /** `undefined` until it is known; then another one is refused. */
  readonly incarnation: Incarnation | undefined
  readonly address: Endpoint
}

/** Who takes what arrives. Synchronous; called in no particular fibre. */
export interface Receiver {
  readonly message: (message: Message) => void
  /** What was sent to this member last is probably lost. */
  readonly unreachable: (peer: MemberId) => void
  /**
   * A snapshot arrives: its bytes, in pieces of any size. What is not taken yet stays with the sender.
   * The sender is told that it is delivered when this succeeds, and that it is not when it fails or the
   * bytes do. Interrupted when the transport closes. Without it no snapshot is taken in.
   */
  readonly snapshot?: (
    message: InstallSnapshot,
    bytes: Stream.Stream<Uint8Array, SnapshotTransferFailure>
  ) => Effect.Effect<void, unknown>
}

/** What is known beside the peers. */
export interface Known {
  /** Ids from here on were not given when this node's configuration was made. */
  readonly nextMemberId: MemberId
}

/** What is known of the way to a peer. */
export interface Connection {
  readonly peer: MemberId
  readonly isConnected: boolean
  /** `HOST:PORT` at which it serves clients, as it said when it was last connected. */
  readonly endpoint: string | undefined
  /** Since this transport was opened. */
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly messagesDropped: number
}

export class Transport extends Context.Service<
  Transport,
  {
    /** Hands over a batch in order; what goes to one peer stays in order. Synchronous. */
    readonly send: (messages: ReadonlyArray<Message>) => void
    /** Called once, before anything can arrive. */
    readonly attach: (receiver: Receiver) => void
    /**
     * Replaces whom this node talks to; connections with others are closed. A member of the same
     * cluster whose id is `nextMemberId` or above is newer than what this node knows: it is heard, and
     * answered, for as long as it keeps its connection.
     */
    readonly setPeers: (peers: ReadonlyArray<Peer>, known: Known) => void
    /**
     * Sends `InstallSnapshot` and the snapshot itself to the peer it names; takes pieces no faster than
     * they get through. Succeeds when the peer has installed it. Interruption ends the transfer.
     */
    readonly sendSnapshot: <E>(
      message: InstallSnapshot,
      bytes: Stream.Stream<Uint8Array, E>
    ) => Effect.Effect<void, E | SnapshotTransferFailure>
    readonly connections: () => ReadonlyArray<Connection>
  }
>()("sealog/Transport") {}
