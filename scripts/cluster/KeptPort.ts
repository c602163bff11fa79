/**
 * Ports for processes that end and come back to them.
 *
 * Below those from which systems take the port of an outgoing connection (from 32,768 on under Linux), so
 * that none of these is found there meanwhile.
 */
import { randomInt } from "node:crypto"
import { createServer } from "node:net"
import * as Effect from "effect/Effect"

const from = 12_000
const until = 32_000

/** Of this process; whoever was given one may not have opened it yet. The oldest are forgotten. */
const given = new Set<number>()
const givenMax = 1_000

/** Can somebody listen there at this moment, on the loopback interface? */
export const isFree = (port: number): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const server = createServer()
    server.once("error", () => resume(Effect.succeed(false)))
    server.listen(port, "127.0.0.1", () => server.close(() => resume(Effect.succeed(true))))
  })

/**
 * Chosen by chance, as several runs share a machine; free a moment ago, and not among the last 1,000 that
 * this process was given.
 */
export const keptPorts = Effect.fnUntraced(function* (count: number) {
  const ports: Array<number> = []
  while (ports.length < count) {
    const port = randomInt(from, until)
    if (given.has(port)) continue
    given.add(port)
    if (yield* isFree(port)) ports.push(port)
  }
  // In the order in which they were added.
  for (const port of given) if (given.size > givenMax) given.delete(port)
  return ports
})
