/**
 * What a receiver pays for Raft messages, over frames and over `effect/rpc`: `node bench/peers.ts`.
 *
 * Each carrier has a server in a process of its own, which takes `Append`s with one entry and answers
 * each; the client keeps 16 in flight. What counts is the server's CPU time for each, because there it
 * competes with everything else that a member does.
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { connect } from "node:net"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Schema from "effect/Schema"
import * as SocketServer from "effect/socket/SocketServer"
import type { LogIndex, MemberId, Term } from "../src/domain/Ids.ts"
import * as Limits from "../src/domain/Limits.ts"
import * as PeerMessages from "../src/domain/peer/PeerMessages.ts"
import type { Append, AppendResponse } from "../src/domain/raft/Message.ts"
import * as NodeConfigLive from "../src/layers/NodeConfigLive.ts"
import * as PeerListener from "../src/layers/PeerListener.ts"
import { PeerSocket } from "../src/layers/PeerSocket.ts"

const sizes = [1, 16, 64].map((kibibytes) => kibibytes * Limits.kibibyte)
const inFlight = 16
const warmUpCount = 500
const roundMillis = 3_000
const host = "127.0.0.1"

const ends = { from: 1 as MemberId, to: 2 as MemberId }
const position = { term: 1 as Term, index: 7 as LogIndex }
const appendOf = (bytes: number): Append => ({
  ...{ _tag: "Append", ...ends, term: 1 as Term, previous: position, commit: position.index },
  entries: [{ term: 1 as Term, index: 8 as LogIndex, kind: "normal", data: Buffer.alloc(bytes, 7) }]
})
const response: AppendResponse = {
  ...{ _tag: "AppendResponse", from: ends.to, to: ends.from, term: 1 as Term },
  ...{ index: 8 as LogIndex, rejectionHint: undefined }
}

/** The same message as a schema. */
const Position = { term: Schema.Int, index: Schema.Int }
const Entry = Schema.Struct({ ...Position, kind: Schema.String, data: Schema.Uint8Array })
class PeerApi extends RpcGroup.make(
  Rpc.make("Append", {
    payload: {
      ...{ from: Schema.Int, to: Schema.Int, term: Schema.Int, commit: Schema.Int },
      previous: Schema.Struct(Position),
      entries: Schema.Array(Entry)
    },
    success: Schema.Struct({ term: Schema.Int, index: Schema.Int })
  })
) {}

// ---- Servers: each says its port, and its CPU time when it is asked.

const serveFrames = PeerListener.listen({ host, port: 0 }, (socket) => {
  socket.trust()
  socket.onFrame = ({ body }) => {
    const messages = Result.getOrThrow(PeerMessages.decode(ends, body))
    socket.send("messages", PeerMessages.encode(messages.map(() => response)))
  }
  return socket.closed
}).pipe(Effect.provide(NodeConfigLive.layer()))

const serveRpc = Effect.gen(function* () {
  const listening = yield* Layer.build(NodeSocketServer.layer({ host, port: 0, noDelay: true }))
  const handlers = PeerApi.toLayer({ Append: () => Effect.succeed({ term: 1, index: 8 }) })
  const server = RpcServer.layer(PeerApi, { disableFatalDefects: true, disableTracing: true }).pipe(
    Layer.provide(RpcServer.layerProtocolSocketServer),
    Layer.provide([handlers, RpcSerialization.layerSchemaBinary({ maxFrameSize: 16 << 20 })])
  )
  yield* Layer.build(server).pipe(Effect.provideContext(listening))
  const { address } = yield* Effect.provideContext(SocketServer.SocketServer, listening)
  return { port: "port" in address ? address.port : 0 }
})

const serve = (carrier: string) =>
  Effect.gen(function* () {
    const { port } = carrier === "rpc" ? yield* serveRpc : yield* serveFrames
    process.on("message", () => process.send?.(process.cpuUsage()))
    process.on("disconnect", () => process.exit())
    process.send?.({ port })
    yield* Effect.never
  }).pipe(Effect.scoped)

// ---- Clients: `call` returns when one message is answered.

const overFrames = Effect.fnUntraced(function* (port: number, append: Append) {
  const dialled = connect({ host, port })
  yield* Effect.promise(() => once(dialled, "connect"))
  const socket = new PeerSocket(dialled)
  yield* Effect.addFinalizer(() => Effect.sync(() => socket.destroy()))
  const waiting: Array<Deferred.Deferred<void>> = []
  socket.onFrame = () => Deferred.doneUnsafe(waiting.shift()!, Effect.void)
  return Effect.suspend(() => {
    const answered = Deferred.makeUnsafe<void>()
    waiting.push(answered)
    socket.send("messages", PeerMessages.encode([append]))
    return Deferred.await(answered)
  })
})

const overRpc = Effect.fnUntraced(function* (port: number, append: Append) {
  const protocol = RpcClient.layerProtocolSocket({ retryTransientErrors: true }).pipe(
    Layer.provide([
      NodeSocket.layerNet({ host, port, noDelay: true }),
      RpcSerialization.layerSchemaBinary({ maxFrameSize: 16 << 20 })
    ])
  )
  const context = yield* Layer.build(protocol)
  const client = yield* RpcClient.make(PeerApi, { disableTracing: true }).pipe(
    Effect.provideContext(context)
  )
  return Effect.orDie(Effect.asVoid(client.Append(append)))
})

const cpuMicros = async (server: ChildProcess): Promise<number> => {
  server.send("cpu")
  const [{ system, user }] = (await once(server, "message")) as [NodeJS.CpuUsage]
  return system + user
}

/** CPU time of the server for one message, in microseconds. */
const measure = Effect.fnUntraced(function* (carrier: "frames" | "rpc", bytes: number) {
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => fork(import.meta.filename, [carrier])),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  const [{ port }] = (yield* Effect.promise(() => once(server, "message"))) as [{ port: number }]
  const append = appendOf(bytes)
  const call = carrier === "rpc" ? yield* overRpc(port, append) : yield* overFrames(port, append)
  let count = 0
  const answered = () => {
    count += 1
  }
  const callers = (go: () => boolean) => {
    const caller = Effect.whileLoop({ while: go, body: () => call, step: answered })
    return Effect.all(
      Array.from({ length: inFlight }, () => caller),
      { concurrency: "unbounded" }
    )
  }
  yield* callers(() => count < warmUpCount)
  const before = yield* Effect.promise(() => cpuMicros(server))
  count = 0
  const until = performance.now() + roundMillis
  yield* callers(() => performance.now() < until)
  const after = yield* Effect.promise(() => cpuMicros(server))
  return { micros: (after - before) / count, perSecond: (1000 * count) / roundMillis }
}, Effect.scoped)

const compare = Effect.gen(function* () {
  for (const bytes of sizes) {
    const frames = yield* measure("frames", bytes)
    const rpc = yield* measure("rpc", bytes)
    const text = ({ micros, perSecond }: typeof frames) =>
      `${micros.toFixed(1)} µs (${perSecond.toFixed(0)}/s)`
    const ratio = (rpc.micros / frames.micros).toFixed(1)
    console.log(
      `${bytes / Limits.kibibyte} KiB: frames ${text(frames)}, rpc ${text(rpc)}, ${ratio} ×`
    )
  }
})

const [, , carrier] = process.argv
const program: Effect.Effect<unknown, unknown> = carrier === undefined ? compare : serve(carrier)
await Effect.runPromise(program)
