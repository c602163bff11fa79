/**
 * Connections that this node opens to others: dialled, and greeted if the other one is a member.
 *
 * What must never happen here: a connection taken for a member's that another node answered.
 * Proof: `test/layers/TransportSocket.test.ts`.
 */
import { connect } from "node:net"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Endpoint from "../domain/api/Endpoint.ts"
import { PeerConnectionFailure, PeerRefused } from "../domain/peer/Errors.ts"
import type { Frame } from "../domain/peer/Frame.ts"
import * as Handshake from "../domain/peer/Handshake.ts"
import type { Peer } from "../services/Transport.ts"
import { PeerSocket } from "./PeerSocket.ts"

/** How this node greets, and whom it believes. */
export interface Manners {
  /** What this node says of itself to the peer, once it knows where it serves clients. */
  readonly greetingTo: (peer: Peer["id"]) => Effect.Effect<Handshake.Greeting>
  /** Why the node that answered is not to be talked to; what is welcome is kept durably first. */
  readonly judge: (greeting: Handshake.Greeting) => Effect.Effect<void, PeerRefused>
}

export type DialFailure = PeerConnectionFailure | PeerRefused

export const failure = (
  address: Endpoint.Endpoint,
  operation: string,
  cause: unknown
): PeerConnectionFailure =>
  new PeerConnectionFailure({ address: Endpoint.format(address), operation, cause })

/** A connection, closed with the scope. */
export const dialled = (
  address: Endpoint.Endpoint
): Effect.Effect<PeerSocket, PeerConnectionFailure, Scope.Scope> => {
  const dialling = Effect.sync(() => {
    const socket = connect(address)
    const opened = Deferred.makeUnsafe<PeerSocket, PeerConnectionFailure>()
    // Heard in the turn in which it is dialled: an error that nobody hears ends the process.
    socket.once("error", (cause) => {
      Deferred.doneUnsafe(opened, Effect.fail(failure(address, "connect", cause)))
    })
    socket.once("connect", () => {
      Deferred.doneUnsafe(opened, Effect.succeed(new PeerSocket(socket)))
    })
    return { socket, opened }
  })
  const kept = Effect.acquireRelease(dialling, ({ socket }) => Effect.sync(() => socket.destroy()))
  return Effect.flatMap(kept, ({ opened }) => Deferred.await(opened))
}

/** The other node's answer to the first frame that it is sent. */
export const asked = Effect.fnUntraced(function* (
  address: Endpoint.Endpoint,
  first: { readonly type: "hello" | "introduction" | "transfer"; readonly body: Buffer }
) {
  const socket = yield* dialled(address)
  socket.send(first.type, first.body)
  const answer = yield* socket.first
  if (answer === undefined) return yield* failure(address, "greet", "it has hung up")
  return { socket, answer }
})

/** Fails unless everything until the answer is done in time. */
export const inTime =
  (address: Endpoint.Endpoint, millis: number) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | PeerConnectionFailure, R> =>
    Effect.timeoutOrElse(effect, {
      duration: millis,
      orElse: () => Effect.fail(failure(address, "connect", "it does not answer in time"))
    })

/** A connection with this very peer, for messages (`hello`) or for a snapshot (`transfer`). */
export const greeted = Effect.fnUntraced(function* (
  type: "hello" | "transfer",
  peer: Peer,
  { greetingTo, judge }: Manners
) {
  const body = Handshake.encode(yield* greetingTo(peer.id))
  const { answer, socket } = yield* asked(peer.address, { type, body })
  const greeting = yield* welcomeOf(peer, answer)
  yield* judge(greeting)
  return { socket, node: greeting.node }
})

/** The other node's answer: who it is, or why it will not talk to this one. */
const welcomeOf = Effect.fnUntraced(function* (
  { address, id: memberId, nodeName: peer }: Peer,
  { body, type }: Frame
): Effect.fn.Return<Handshake.Greeting, DialFailure> {
  const unreadable = () => failure(address, "greet", "its answer cannot be read")
  if (type === "refusal") {
    const refusal = Effect.fromResult(Handshake.decodeRefusal(body))
    return yield* Effect.flatMap(Effect.mapError(refusal, unreadable), Effect.fail)
  }
  if (type !== "welcome") return yield* unreadable()
  const greeting = yield* Effect.mapError(Effect.fromResult(Handshake.decode(body)), unreadable)
  if (greeting.node.memberId === memberId) return greeting
  return yield* new PeerRefused({ reason: "notThatMember", peer, memberId })
})
