/** A connection between two members, as two sockets with frames. */
import { connect, createServer, type Server, type Socket } from "node:net"
import * as Effect from "effect/Effect"
import { PeerSocket } from "../../src/layers/PeerSocket.ts"

/** Both ends of one connection, the second of which does nothing by itself. */
export const peerSockets = Effect.gen(function* () {
  const pair = Effect.callback<{ server: Server; here: Socket; there: Socket }>((resume) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const here = connect({
        host: "127.0.0.1",
        port: typeof address === "object" ? address!.port : 0
      })
      server.once("connection", (there) => resume(Effect.succeed({ server, here, there })))
    })
  })
  const { here, there } = yield* Effect.acquireRelease(pair, ({ here, server, there }) =>
    Effect.sync(() => {
      here.destroy()
      there.destroy()
      server.close()
    })
  )
  return { near: new PeerSocket(here), far: new PeerSocket(there), farSocket: there }
})
