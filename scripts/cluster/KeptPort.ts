/**
 * A port for a process that ends and comes back to it.
 *
 * Below those from which systems take the port of an outgoing connection (from 32,768 on under Linux), so
 * that none of these is found there meanwhile.
 */
import { randomInt } from "node:crypto"
import { createServer } from "node:net"
import * as Effect from "effect/Effect"

const from = 12_000
const until = 32_000

/** Chosen by chance, as several runs share a machine; free a moment ago. */
export const keptPort: Effect.Effect<number> = Effect.callback<number | undefined>((resume) => {
  const port = randomInt(from, until)
  const server = createServer()
  server.once("error", () => resume(Effect.succeed(undefined)))
  server.listen(port, "127.0.0.1", () => {
    server.close(() => resume(Effect.succeed(port)))
  })
}).pipe(Effect.flatMap((port) => (port === undefined ? keptPort : Effect.succeed(port))))
