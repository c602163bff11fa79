/** Nodes that only answer, on real sockets: one alone, one that follows another, and the way between. */
import * as net from "node:net"
import { assert } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SocketServer from "effect/socket/SocketServer"
import type { Endpoint } from "../../src/domain/api/Endpoint.ts"
import * as Endpoints from "../../src/domain/api/Endpoint.ts"
import { NotLeader } from "../../src/domain/engine/Errors.ts"
import * as NodeFront from "../../src/layers/NodeFront.ts"
import * as RpcServerSocket from "../../src/layers/RpcServerSocket.ts"
import * as Stub from "./ProcessStubServices.ts"

export interface Options {
  readonly proposalTimeoutMillis?: number
  readonly port?: number
}

/** Serves until the scope closes. */
export const serve = (
  script: Stub.Script,
  { port = 0, proposalTimeoutMillis = 2_000 }: Options = {}
): ReturnType<typeof served> => served(script, { port, proposalTimeoutMillis })

const served = (script: Stub.Script, { port, proposalTimeoutMillis }: Required<Options>) =>
  Layer.build(
    RpcServerSocket.layer({ host: "127.0.0.1", port }).pipe(
      Layer.provide(NodeFront.layer),
      Layer.provide(Stub.layer({ script, proposalTimeoutMillis }))
    )
  ).pipe(
    Effect.map((context): Endpoint => {
      const { address } = Context.get(context, SocketServer.SocketServer)
      assert(address._tag === "InetAddressV4")
      return { host: "127.0.0.1", port: address.port }
    })
  )

/** A node that follows another one, wherever that is. */
export const following = (
  endpoint: () => Endpoint | undefined,
  { leader, memberId } = { memberId: 1, leader: 2 }
): Stub.Script => {
  const elsewhere = Effect.fail(new NotLeader({ leader }))
  return {
    memberId,
    beforeWrite: elsewhere,
    cutover: elsewhere,
    enableStorage: elsewhere,
    rotateDek: () => elsewhere,
    peers: () => {
      const at = endpoint()
      return at === undefined ? [] : [{ peer: leader, endpoint: Endpoints.format(at) }]
    }
  }
}

/** Lets through to a node until it is cut, with what is on its way. */
export const proxy = Effect.fnUntraced(function* ({ host, port }: Endpoint) {
  const sockets = new Set<net.Socket>()
  let connectionCount = 0
  const server = net.createServer((inbound) => {
    connectionCount += 1
    inbound.once("close", () => {
      connectionCount -= 1
    })
    const outbound = net.connect(port, host)
    for (const socket of [inbound, outbound]) {
      sockets.add(socket)
      socket.on("error", () => {})
    }
    inbound.pipe(outbound).pipe(inbound)
  })
  const cut = Effect.sync(() => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  })
  const closed = Effect.sync(() => server.close())
  yield* Effect.addFinalizer(() => Effect.andThen(closed, cut))
  yield* Effect.callback<void>((resume) => {
    server.listen(0, "127.0.0.1", () => resume(Effect.void))
  })
  const endpoint: Endpoint = { host: "127.0.0.1", port: (server.address() as net.AddressInfo).port }
  return {
    endpoint,
    cut,
    /** Nobody gets through any more. */
    close: Effect.andThen(closed, cut),
    connectionCount: () => connectionCount
  }
})
