/**
 * `sealog serve`: one node, until it is told to stop or halts (SPEC §11, §17).
 *
 * stdout carries exactly one line, printed when the node serves. Nothing is opened for an address that
 * may not be served. On SIGTERM or SIGINT a leader hands over, requests are drained, then the stores
 * close, exit code 0; a halt exits with 70. Proof: `test/e2e/Serve.test.ts`.
 */

import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as SocketServer from "effect/socket/SocketServer"
import * as Endpoint from "../domain/api/Endpoint.ts"
import type { NodeName } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import type * as BootstrapList from "../domain/peer/BootstrapList.ts"
import { PeerAddress } from "../services/PeerAddress.ts"
import { RaftEngine } from "../services/RaftEngine.ts"
import { Telemetry } from "../services/Telemetry.ts"
import * as Ballast from "./Ballast.ts"
import { NodeHalted, TwoKekSources } from "./CommandFailure.ts"
import * as CommandFlags from "./CommandFlags.ts"
import * as CommandOutput from "./CommandOutput.ts"
import * as CommandServePeers from "./CommandServePeers.ts"
import * as KekProviderEnvironment from "./KekProviderEnvironment.ts"
import * as KekProviderFile from "./KekProviderFile.ts"
import * as KekProviderNone from "./KekProviderNone.ts"
import * as LeadershipHandOver from "./LeadershipHandOver.ts"
import * as LogOutput from "./LogOutput.ts"
import * as MetricsServer from "./MetricsServer.ts"
import * as Node from "./Node.ts"
import * as NodeFront from "./NodeFront.ts"
import * as ProcessMetrics from "./ProcessMetrics.ts"
import * as RpcServerSocket from "./RpcServerSocket.ts"

interface ServeOptions {
  readonly directory: string
  readonly nodeName: NodeName
  readonly listen: Endpoint.Endpoint
  readonly metricsListen: Endpoint.Endpoint | undefined
  readonly bootstrap: BootstrapList.BootstrapList | undefined
  readonly join: Endpoint.Endpoint | undefined
  readonly peerListen: Endpoint.Endpoint | undefined
  readonly kekFile: string | undefined
  readonly kekVariable: string | undefined
  readonly ballastBytes: number
  readonly compactionEntries: number
  readonly compactionTailEntries: number
  readonly logFormat: LogOutput.LogFormat
}

const kekProviderOf = ({ kekFile, kekVariable }: ServeOptions) => {
  if (kekFile !== undefined && kekVariable !== undefined) {
    return Effect.fail(new TwoKekSources())
  }
  if (kekFile !== undefined) return Effect.succeed(KekProviderFile.layer({ path: kekFile }))
  return Effect.succeed(
    kekVariable === undefined
      ? KekProviderNone.layer
      : KekProviderEnvironment.layer({ variable: kekVariable })
  )
}

/** A log line before the node serves would be a second line of a refused start. */
const serve = (options: ServeOptions) => {
  const { layer, release } = LogOutput.make(options.logFormat)
  return Effect.provide(run(options, release), layer)
}

const run = Effect.fnUntraced(function* (options: ServeOptions, serves: Effect.Effect<void>) {
  const { directory, nodeName } = options
  const listen = yield* RpcServerSocket.requireLoopback(options.listen)
  if (options.metricsListen !== undefined) {
    yield* RpcServerSocket.requireLoopback(options.metricsListen)
  }
  const kek = yield* kekProviderOf(options)
  const hasKek = options.kekFile !== undefined || options.kekVariable !== undefined
  const peers = yield* CommandServePeers.peersOf({ ...options, hasKek })
  const { compactionEntries, compactionTailEntries } = options
  const settings = { compactionEntries, compactionTailEntries }
  const served = yield* Deferred.make<string>()
  const clientEndpoint = Deferred.await(served)
  // In two steps, so that everything of the socket is released before anything of the node.
  const node = yield* Layer.build(
    Node.layerPeer({ directory, nodeName, clientEndpoint, settings, ...peers }).pipe(
      Layer.provide(kek)
    )
  )
  const metrics = yield* serveMetrics(options).pipe(Effect.provideContext(node))
  const server = Layer.provide(RpcServerSocket.layer(listen), NodeFront.layer)
  const socket = yield* Layer.build(server).pipe(Effect.provideContext(node))
  yield* Effect.addFinalizer((exit) => {
    // A halt has been reported already.
    const isTold = exit._tag === "Success" || Cause.hasInterruptsOnly(exit.cause)
    const stopping = metrics?.stopping ?? Effect.void
    if (!isTold) return stopping
    Context.get(node, Telemetry).report({ _tag: "Draining" })
    // Requests that come meanwhile go to the new leader.
    return Effect.andThen(stopping, Effect.provideContext(LeadershipHandOver.handOver, node))
  })
  const { address } = Context.get(socket, SocketServer.SocketServer)
  invariant("port" in address, "a TCP server listens on a port")
  const bound = Endpoint.format({ host: listen.host, port: address.port })
  yield* Deferred.succeed(served, bound)
  const also = addressesOf({
    peer: Context.get(node, PeerAddress).address,
    metrics: metrics?.address
  })
  // A node serves whether or not somebody can be told that it does.
  yield* Effect.ignore(CommandOutput.line(JSON.stringify({ ready: true, listen: bound, ...also })))
  yield* serves
  const ballast = Ballast.layer({ directory, bytes: options.ballastBytes })
  yield* Layer.build(ballast).pipe(Effect.provideContext(node))
  return yield* Context.get(node, RaftEngine).stopped.pipe(
    Effect.mapError((cause) => new NodeHalted({ cause }))
  )
}, Effect.scoped)

/** As text, those that there are. */
const addressesOf = (addresses: Readonly<Record<string, Endpoint.Endpoint | undefined>>) =>
  Object.fromEntries(
    Object.entries(addresses).flatMap(([name, address]) =>
      address === undefined ? [] : [[name, Endpoint.format(address)]]
    )
  )

/** Closes after the socket of the requests and before the node: its last minutes can be watched. */
const serveMetrics = Effect.fnUntraced(function* ({ metricsListen }: ServeOptions) {
  if (metricsListen === undefined) return undefined
  yield* Layer.build(ProcessMetrics.layer)
  return yield* MetricsServer.serve(metricsListen)
})

export const command = Command.make(
  "serve",
  {
    directory: CommandFlags.dataDirectory,
    nodeName: CommandFlags.nodeName,
    listen: CommandFlags.listen,
    metricsListen: CommandFlags.metricsListen,
    bootstrap: CommandFlags.bootstrap,
    join: CommandFlags.join,
    peerListen: CommandFlags.peerListen,
    kekFile: Flag.String("kek-file").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription("File with the key-encryption key; without it nothing can be encrypted"),
      Flag.optional
    ),
    kekVariable: Flag.String("kek-env").pipe(
      Flag.withMetavar("VARIABLE"),
      Flag.withDescription("Environment variable with the KEK in base64; for tests and CI only"),
      Flag.optional
    ),
    ballastBytes: CommandFlags.ballastBytes,
    compactionEntries: CommandFlags.compactionEntries,
    compactionTailEntries: CommandFlags.compactionTailEntries,
    logFormat: Flag.Literals("log-format", ["text", "json"]).pipe(
      Flag.withDescription("Form of the log on stderr: logfmt text, or a line of JSON"),
      Flag.withDefault("text")
    )
  },
  (given) =>
    serve({
      ...given,
      metricsListen: Option.getOrUndefined(given.metricsListen),
      bootstrap: Option.getOrUndefined(given.bootstrap),
      join: Option.getOrUndefined(given.join),
      peerListen: Option.getOrUndefined(given.peerListen),
      kekFile: Option.getOrUndefined(given.kekFile),
      kekVariable: Option.getOrUndefined(given.kekVariable)
    }).pipe(
      Effect.onInterrupt(() =>
        Effect.sync(() => {
          process.exitCode = 0
        })
      )
    )
).pipe(Command.withDescription("Run a node"))
