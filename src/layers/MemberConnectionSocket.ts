/**
 * The way to another member over RPC: to the client endpoint that it gave when it was last connected as
 * a peer, on one connection that all requests share.
 *
 * That endpoint may be another node's by now: each request says whom it is meant for, and nobody else
 * serves it.
 *
 * What must never happen: a request sent again after its answer was lost; connections without bound,
 * or kept to a node that is gone. Proof: `test/contracts/LeaderConnection.ts`,
 * `test/layers/Forwarding.test.ts`, `test/layers/ForwardingAddressee.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RcMap from "effect/RcMap"
import * as Endpoint from "../domain/api/Endpoint.ts"
import { EndpointUnknown, EndpointUnreachable } from "../domain/api/Errors.ts"
import type { MemberId } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import { MemberConnection } from "../services/MemberConnection.ts"
import { NodeStatus } from "../services/NodeStatus.ts"
import { Transport } from "../services/Transport.ts"
import * as RpcConnection from "./RpcConnection.ts"

/** Members that are asked at a time; more at once means that something else is wrong. */
const connectionsMax = 64
/** How long a connection that nobody uses is kept. */
const idleMillis = 60_000

const make = Effect.gen(function* () {
  const transport = yield* Transport
  const { clusterId } = (yield* NodeStatus).read()
  const connected = yield* makeConnected

  const endpointOf = (member: MemberId): Endpoint.Endpoint | undefined => {
    const known = transport.connections().find(({ peer }) => peer === member)?.endpoint
    return known === undefined ? undefined : Endpoint.parse(known)
  }
  return MemberConnection.of({
    ask: (member, request) =>
      Effect.gen(function* () {
        const endpoint = endpointOf(member)
        if (endpoint === undefined) return yield* new EndpointUnknown({})
        const connection = yield* connected(Endpoint.format(endpoint))
        const addressee = { clusterId, memberId: member }
        const destination = { endpoint: connection.endpoint, addressee }
        return yield* RpcConnection.marked(destination, request(connection.rpc))
      }).pipe(Effect.scoped)
  })
})

/** Connections by endpoint, made when they are needed, and forgotten as soon as they have ended. */
const makeConnected = Effect.gen(function* () {
  const scope = yield* Effect.scope
  let forget = (_endpoint: string): Effect.Effect<void> => Effect.void

  const connections = yield* RcMap.make({
    lookup: Effect.fnUntraced(function* (endpoint: string) {
      const at = Endpoint.parse(endpoint)
      invariant(at !== undefined, "an endpoint that was formatted can be parsed")
      const connection = yield* RpcConnection.open(at)
      yield* Effect.forkIn(Effect.andThen(connection.ended, forget(endpoint)), scope)
      return connection
    }),
    capacity: connectionsMax,
    idleTimeToLive: idleMillis
  })
  forget = (endpoint) => RcMap.invalidate(connections, endpoint)

  const get = (endpoint: string) =>
    RcMap.get(connections, endpoint).pipe(
      // What could not be opened is not kept either.
      Effect.tapError(() => forget(endpoint)),
      Effect.mapError((failure) =>
        failure instanceof EndpointUnreachable
          ? failure
          : new EndpointUnreachable({ endpoint, cause: "too many connections are open" })
      )
    )
  return (endpoint: string) =>
    Effect.flatMap(get(endpoint), (connection) =>
      connection.isOpen()
        ? Effect.succeed(connection)
        : Effect.andThen(forget(endpoint), get(endpoint))
    )
})

export const layer: Layer.Layer<MemberConnection, never, NodeStatus | Transport> = Layer.effect(
  MemberConnection,
  make
)
