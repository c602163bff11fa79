/**
 * The peer port: bounded connections, each served by a fibre of its own.
 *
 * What must never happen here: a connection that outlives its fibre, or the port its scope.
 * Proof: `test/layers/TransportSocket.test.ts`.
 */
import { createServer, type Server, type Socket } from "node:net"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Endpoint from "../domain/api/Endpoint.ts"
import { ListenFailure } from "../domain/api/Errors.ts"
import { invariant } from "../domain/Invariant.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import { PeerSocket } from "./PeerSocket.ts"

/** Listens until the scope closes; returns the address that was bound. */
export const listen = Effect.fnUntraced(function* (
  endpoint: Endpoint.Endpoint,
  accept: (socket: PeerSocket) => Effect.Effect<unknown>
): Effect.fn.Return<Endpoint.Endpoint, ListenFailure, NodeConfig | Scope.Scope> {
  const { peerConnectionsMax } = yield* NodeConfig
  const context = yield* Effect.context<never>()
  const open = new Set<Fiber.Fiber<unknown>>()
  const server = createServer((socket: Socket) => {
    if (open.size >= peerConnectionsMax) return socket.destroy()
    const peer = new PeerSocket(socket)
    const served = Effect.ensuring(
      accept(peer),
      Effect.sync(() => peer.destroy())
    )
    const fibre = Effect.runForkWith(context)(served)
    open.add(fibre)
    fibre.addObserver(() => open.delete(fibre))
  })
  yield* Effect.acquireRelease(bound(server, endpoint), () =>
    Effect.andThen(
      Effect.suspend(() => Fiber.interruptAll(open)),
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
      })
    )
  )
  const address = server.address()
  invariant(typeof address === "object" && address !== null, "a TCP server has a port")
  return { host: endpoint.host, port: address.port }
})

const bound = (server: Server, endpoint: Endpoint.Endpoint): Effect.Effect<void, ListenFailure> =>
  Effect.callback((resume) => {
    server.once("error", ({ message: cause }) =>
      resume(Effect.fail(new ListenFailure({ listen: Endpoint.format(endpoint), cause })))
    )
    server.listen({ host: endpoint.host, port: endpoint.port }, () => resume(Effect.void))
  })
