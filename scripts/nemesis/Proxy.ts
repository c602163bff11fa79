/**
 * A TCP proxy between loopback addresses that can do what networks do: cut, lose, hold, delay, be slow.
 *
 * The link of a connection can be another one for each origin, if the first bytes tell who it is: so
 * one proxy in front of a member is a link to each of its peers. It may be changed at any time and
 * counts at once for connections that live. What must never happen: a socket or a timer that outlives
 * the scope, a connection to what is not this machine. Proof: `test/e2e/NemesisProxy.test.ts`.
 */
import { connect, createServer, type Server, type Socket } from "node:net"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as Endpoint from "../../src/domain/api/Endpoint.ts"
import { ListenFailure } from "../../src/domain/api/Errors.ts"
import { invariant } from "../../src/domain/Invariant.ts"
import * as Link from "./Link.ts"
import { headBytesMax, ProxyConnection, type Surroundings, stranger } from "./ProxyConnection.ts"

export interface Options {
  readonly target: Endpoint.Endpoint
  /** Default: any free port of 127.0.0.1. */
  readonly listen?: Endpoint.Endpoint
  /** In [0, 1): draws jitter. */
  readonly random: () => number
  /**
   * Who has opened a connection, by the first bytes it sent; `undefined`: more are needed. Without it
   * all have one origin, `""`, as has whoever does not say within 4 KiB.
   */
  readonly originOf?: (head: Buffer) => string | undefined
  /** Of one direction of one connection; beyond it the sender is not read. */
  readonly bufferBytesMax?: number
  /** More are reset. */
  readonly connectionsMax?: number
}

export interface Proxy {
  /** Where clients connect. */
  readonly address: Endpoint.Endpoint
  /** The link of all, or of one origin; that of all ends what was said of single ones. */
  readonly set: (link: Link.Link, origin?: string) => void
  readonly status: () => Status
}

export interface Status {
  readonly connections: ReadonlyArray<
    Pick<ProxyConnection, "origin" | "bytesPassed" | "bytesWaiting" | "bytesLost">
  >
  /** Since the proxy was opened. */
  readonly accepted: number
}

const connectionsMaxDefault = 1_024
const bufferBytesMaxDefault = 256 * 1_024

/** Passes everything until told otherwise; ends with the scope. */
export const open = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Proxy, ListenFailure, Scope.Scope> {
  const { connectionsMax = connectionsMaxDefault, originOf, random, target } = options
  const { bufferBytesMax = bufferBytesMaxDefault, listen = anyPort } = options
  for (const endpoint of [listen, target]) {
    invariant(Endpoint.isLoopback(endpoint), "the proxy is between addresses of this machine")
  }
  invariant(bufferBytesMax >= headBytesMax, "there is room for what tells the origin")
  const links = new Links()
  const connections = new Set<ProxyConnection>()
  const onClosed = (connection: ProxyConnection) => void connections.delete(connection)
  const surroundings: Surroundings = {
    ...(yield* makeTime),
    random,
    dial: () => connect({ ...Endpoint.toBind(target), allowHalfOpen: true }),
    bufferBytesMax,
    originOf,
    linkOf: (origin) => links.of(origin),
    onClosed
  }
  let accepted = 0
  const accept = (client: Socket) => {
    accepted += 1
    const isCut = links.of(originOf === undefined ? stranger : undefined)._tag === "Cut"
    if (!isCut && connections.size < connectionsMax) {
      connections.add(new ProxyConnection(client, surroundings))
      return
    }
    client.on("error", () => {})
    client.resetAndDestroy()
  }
  const address = yield* listenAt(listen, accept, connections)
  return {
    address,
    set: (link, origin) => {
      links.set(link, origin)
      for (const connection of [...connections]) connection.linkChanged()
    },
    status: () => ({ connections: [...connections], accepted })
  }
})

const anyPort: Endpoint.Endpoint = { host: "127.0.0.1", port: 0 }

/** Mutable: what each origin has to do with. */
class Links {
  private ofAll: Link.Link = Link.joined()
  private readonly byOrigin = new Map<string, Link.Link>()

  set(link: Link.Link, origin: string | undefined): void {
    if (origin !== undefined) {
      this.byOrigin.set(origin, link)
      return
    }
    this.byOrigin.clear()
    this.ofAll = link
  }

  /** Who is not known yet may turn out to have a link of its own. */
  of(origin: string | undefined): Link.Link {
    if (origin !== undefined) return this.byOrigin.get(origin) ?? this.ofAll
    return this.byOrigin.size === 0 ? this.ofAll : Link.joined()
  }
}

/** Effect's clock, so that a test can hold it; timers end with the scope. */
const makeTime = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const timers = yield* FiberSet.make<void>()
  const fork = yield* FiberSet.runtime(timers)<never>()
  const later = (millis: number, action: () => void) => {
    const fiber = fork(Effect.andThen(Effect.sleep(millis), Effect.sync(action)))
    return () => fiber.interruptUnsafe()
  }
  return { now: () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6, later }
})

/** Listens until the scope closes; then every socket is closed before it is over. */
const listenAt = (
  { host, port }: Endpoint.Endpoint,
  accept: (client: Socket) => void,
  connections: ReadonlySet<ProxyConnection>
) =>
  Effect.acquireRelease(
    Effect.callback<Server, ListenFailure>((resume) => {
      const server = createServer({ allowHalfOpen: true }, accept)
      server.once("error", (cause) => {
        resume(
          Effect.fail(
            new ListenFailure({ listen: Endpoint.format({ host, port }), cause: cause.message })
          )
        )
      })
      server.listen({ ...Endpoint.toBind({ host, port }) }, () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        for (const connection of [...connections]) connection.cut()
      })
  ).pipe(
    Effect.map((server): Endpoint.Endpoint => {
      const address = server.address()
      invariant(typeof address === "object" && address !== null, "a TCP server has a port")
      return { host, port: address.port }
    })
  )
