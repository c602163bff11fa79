/** Both ends of TCP connections for tests of what lies between: what each end has seen so far. */
import { connect, createServer, type Server, type Socket } from "node:net"
import * as Effect from "effect/Effect"

/** Mutable: one end of a connection. */
export class SocketEnd {
  readonly socket: Socket
  private readonly chunks: Array<Buffer> = []
  isConnected = false
  /** The other end has said that it sends no more. */
  isEnded = false
  isClosed = false
  /** Of the error that closed it. */
  code: string | undefined

  constructor(socket: Socket) {
    this.socket = socket
    socket.on("connect", () => {
      this.isConnected = true
    })
    socket.on("data", (bytes: Buffer) => this.chunks.push(bytes))
    socket.on("end", () => {
      this.isEnded = true
    })
    socket.on("error", (cause: NodeJS.ErrnoException) => {
      this.code = cause.code
    })
    socket.on("close", () => {
      this.isClosed = true
    })
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks)
  }

  get text(): string {
    return this.bytes.toString("latin1")
  }

  send(text: string): void {
    this.socket.write(text, "latin1")
  }
}

/** A server whose connections say nothing by themselves, until the scope closes. */
export const listening = Effect.map(
  Effect.acquireRelease(
    Effect.callback<{ readonly server: Server; readonly ends: Array<SocketEnd> }>((resume) => {
      const ends: Array<SocketEnd> = []
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        ends.push(new SocketEnd(socket))
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed({ server, ends })))
    }),
    ({ ends, server }) =>
      Effect.callback<void>((resume) => {
        for (const { socket } of ends) socket.destroy()
        server.close(() => resume(Effect.void))
      })
  ),
  ({ ends, server }) => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    return { ends, address: { host: "127.0.0.1", port } }
  }
)

/** A client, connected or not yet, until the scope closes. */
export const connecting = (address: { readonly host: string; readonly port: number }) =>
  Effect.acquireRelease(
    Effect.sync(() => new SocketEnd(connect({ ...address, allowHalfOpen: true }))),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

/** Waits for other events, not for time. */
export const until = (condition: () => boolean) =>
  Effect.promise(async () => {
    while (!condition()) await turn()
  })

/** As much as sockets of one machine do in so many turns of the event loop. */
export const turns = (count: number) =>
  Effect.promise(async () => {
    for (let at = 0; at < count; at++) await turn()
  })

const turn = () => new Promise((resolve) => setImmediate(resolve))
