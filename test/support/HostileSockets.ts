/** Connections of somebody who means no good, or is broken: what is sent, and how the other end takes it. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { connect, createServer, type Socket } from "node:net"
import * as Effect from "effect/Effect"
import type * as Endpoint from "../../src/domain/api/Endpoint.ts"

/** The other end may need its own time-out to hang up; a test that waits longer has found something. */
const closedMillisMax = 20_000

export interface Conversation {
  /** All that the other end has said. */
  readonly heard: Buffer
  readonly hungUp: boolean
}

interface Options {
  readonly pieces: ReadonlyArray<Uint8Array>
  /** Sent when the other end has answered for the first time. */
  readonly onceAnswered?: ReadonlyArray<Uint8Array>
  /** Says that it sends no more; otherwise it stays open and silent. */
  readonly ends?: boolean
  /** It goes after this, if the other end has not; waits to be hung up on if absent. */
  readonly leaves?: "afterSending" | "afterFirstAnswer"
}

/** One connection from begin to end; never fails but by the time-out of the other end's hang-up. */
export const conversation = (
  to: Endpoint.Endpoint,
  { ends, leaves, onceAnswered, pieces }: Options
) =>
  Effect.callback<Conversation>((resume) => {
    const heard: Array<Buffer> = []
    const socket = connect(to)
    let hungUp = true
    const leave = () => {
      hungUp = false
      socket.destroy()
    }
    socket.on("error", () => {})
    socket.on("data", (bytes) => {
      if (heard.length === 0 && onceAnswered !== undefined) {
        void sendAll(socket, onceAnswered).then(() => leaves === "afterSending" && leave())
      }
      heard.push(bytes)
      if (leaves === "afterFirstAnswer") leave()
    })
    socket.on("close", () => resume(Effect.succeed({ heard: Buffer.concat(heard), hungUp })))
    socket.on("connect", () => {
      void sendAll(socket, pieces).then(() => {
        if (onceAnswered !== undefined) return
        if (leaves === "afterSending") leave()
        else if (ends === true) socket.end()
      })
    })
    return Effect.sync(() => socket.destroy())
  }).pipe(
    Effect.timeoutOrElse({
      duration: closedMillisMax,
      orElse: () => Effect.die(new Error("neither refused nor hung up on"))
    })
  )

/** Each piece is its own packet, more or less: it is sent when the one before has gone. */
async function sendAll(socket: Socket, pieces: ReadonlyArray<Uint8Array>): Promise<void> {
  socket.setNoDelay(true)
  for (const piece of pieces) {
    if (socket.destroyed) return
    // Called with an error if the socket is closed before.
    await new Promise<void>((resolve) => void socket.write(piece, () => resolve()))
  }
}

/** What somebody sends to this endpoint through the address that is given. */
export const recorded = <A, E, R>(
  to: Endpoint.Endpoint,
  through: (address: Endpoint.Endpoint) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const sent: Array<Buffer> = []
    const server = createServer((client) => {
      const node = connect(to)
      client.on("data", (bytes) => sent.push(bytes)).on("error", () => node.destroy())
      node.on("error", () => client.destroy())
      client.pipe(node).pipe(client)
    })
    const port = yield* Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" ? (address?.port ?? 0) : 0))
      })
    })
    yield* Effect.ensuring(
      through({ host: "127.0.0.1", port }),
      Effect.sync(() => server.close())
    )
    return Buffer.concat(sent)
  })

/** How many sockets the process has open; `undefined` where that cannot be seen. */
export function socketsOf(pid: number): number | undefined {
  const folder = `/proc/${pid}/fd`
  try {
    return readdirSync(folder).filter((name) => targetOf(`${folder}/${name}`).startsWith("socket:"))
      .length
  } catch {
    return undefined
  }
}

function targetOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ""
  }
}

/** Memory of the process in bytes; `undefined` where that cannot be seen. */
export function memoryOf(pid: number): number | undefined {
  try {
    const kibibytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024
  } catch {
    return undefined
  }
}
