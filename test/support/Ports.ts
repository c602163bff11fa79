/** Addresses that are taken, so that who opens a port too early complains of that. */
import { createServer, type Server } from "node:net"
import * as Effect from "effect/Effect"

/** Taken until the scope closes. */
export const heldAddress = Effect.acquireRelease(
  Effect.callback<Server>((resume) => {
    const server = createServer((socket) => socket.destroy())
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
).pipe(
  Effect.map((server) => {
    const address = server.address()
    return typeof address === "object" ? `127.0.0.1:${address?.port}` : ""
  })
)
