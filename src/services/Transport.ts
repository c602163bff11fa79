/**
 * How Raft messages leave this node and reach it (SPEC §9, §15).
 *
 * Messages may be lost, repeated or overtaken, never changed, and never come from anybody but the
 * member they name. Sending never waits for a peer: what does not fit a peer's bounded queue is
 * dropped, which Raft makes good. Proof: `test/contracts/Transport.ts`.
 */
import * as Context from "effect/Context"
import type { Endpoint } from "../domain/api/Endpoint.ts"
import type { Incarnation, MemberId, NodeName } from "../domain/Ids.ts"
import type { Message } from "../domain/raft/Message.ts"

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
    /** Replaces whom this node talks to; connections with others are closed. */
    readonly setPeers: (peers: ReadonlyArray<Peer>) => void
    readonly connections: () => ReadonlyArray<Connection>
  }
>()("sealog/Transport") {}
