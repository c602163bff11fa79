/**
 * `GET /metrics` (Prometheus text) and `GET /healthz` on an HTTP socket of their own.
 *
 * Opened after every guard of a start has passed and before requests are served, so it is closed
 * after them: a node that drains can still be watched, and says 503. What must never happen: an
 * address that leaves the machine (there is no authentication), a scrape that holds up a stop.
 * Proof: `test/e2e/Metrics.test.ts`.
 */
import { createServer, type Server } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import * as Endpoint from "../domain/api/Endpoint.ts"
import { ListenFailure } from "../domain/api/Errors.ts"
import { invariant } from "../domain/Invariant.ts"
import { RaftEngine } from "../services/RaftEngine.ts"
import * as RpcServerSocket from "./RpcServerSocket.ts"

/** A scraper needs one; more are refused. */
const connectionsMax = 64

export interface MetricsServer {
  /** What is bound, with the port that was free. */
  readonly address: Endpoint.Endpoint
  /** From now on `/healthz` says that the node is going away. */
  readonly stopping: Effect.Effect<void>
}

/** Serves until the scope closes. Fails with `ListenRefused` or `ListenFailure`. */
export const serve = Effect.fnUntraced(function* (listen: Endpoint.Endpoint) {
  const { host, port } = yield* RpcServerSocket.requireLoopback(listen)
  const engine = yield* RaftEngine
  let isStopping = false
  const routes = Layer.mergeAll(
    PrometheusMetrics.layerHttp({ path: "/metrics" }),
    HttpRouter.add(
      "GET",
      "/healthz",
      Effect.sync(() => healthOf(engine, isStopping))
    )
  )
  const server = createServer()
  server.maxConnections = connectionsMax
  const http = NodeHttpServer.layer(() => server, { host, port })
  const serving = HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true })
  const built = yield* Layer.build(Layer.provideMerge(serving, http)).pipe(
    Effect.mapError(({ cause }) => listenFailure(listen, cause))
  )
  yield* Effect.addFinalizer(() => Effect.sync(() => closeNow(server)))
  const { address } = Context.get(built, HttpServer.HttpServer)
  invariant("port" in address, "a TCP server listens on a port")
  const stopping = Effect.sync(() => {
    isStopping = true
  })
  return { address: { host, port: address.port }, stopping } satisfies MetricsServer
})

/** Is this process to be sent requests, and worth keeping? Not: does this member lead? */
function healthOf(engine: RaftEngine["Service"], isStopping: boolean) {
  const intake = engine.intake()
  const isHalted = intake._tag === "Shut" && intake.reason._tag === "NodeStopped"
  if (isHalted) return HttpServerResponse.text("halted\n", { status: 503 })
  return isStopping
    ? HttpServerResponse.text("stopping\n", { status: 503 })
    : HttpServerResponse.text("ok\n")
}

/** Also with a client that never ends its request. */
function closeNow(server: Server): void {
  server.close()
  server.closeAllConnections()
}

const listenFailure = (listen: Endpoint.Endpoint, cause: unknown) =>
  new ListenFailure({
    listen: Endpoint.format(listen),
    cause: cause instanceof Error ? cause.message : String(cause)
  })
