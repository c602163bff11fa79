import { connect } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { NodeStopped, NotLeader } from "../../src/domain/engine/Errors.ts"
import type { Term } from "../../src/domain/Ids.ts"
import * as MetricsServer from "../../src/layers/MetricsServer.ts"
import { type Intake, RaftEngine } from "../../src/services/RaftEngine.ts"

const loopback = { host: "127.0.0.1", port: 0 }

const served = (intake: () => Intake) =>
  MetricsServer.serve(loopback).pipe(
    Effect.provide(
      Layer.mock(RaftEngine, {
        intake,
        isMembershipPending: () => false,
        markerCounts: () => false,
        candidacyRenounced: () => undefined,
        isRemoved: () => false,
        status: () => {
          throw new Error("health is not asked of the core")
        }
      })
    )
  )

const health = ({ address: { host, port } }: MetricsServer.MetricsServer) =>
  Effect.promise(async () => {
    const answer = await fetch(`http://${host}:${port}/healthz`)
    return `${answer.status} ${(await answer.text()).trim()}`
  })

const open: Intake = { _tag: "Open", term: 1 as Term }

describe("/healthz", () => {
  it.live("is 200 while the node runs, whether it leads or not", () =>
    Effect.gen(function* () {
      let intake: Intake = open
      const server = yield* served(() => intake)
      assert.strictEqual(yield* health(server), "200 ok")
      intake = { _tag: "Shut", reason: new NotLeader({ leader: undefined }) }
      assert.strictEqual(yield* health(server), "200 ok")
    })
  )

  it.live("is 503 once it has halted", () =>
    Effect.gen(function* () {
      const reason = new NodeStopped({ reason: "test" })
      const server = yield* served(() => ({ _tag: "Shut", reason }))
      assert.strictEqual(yield* health(server), "503 halted")
    })
  )

  it.live("is 503 once it is told to stop, while it still answers requests", () =>
    Effect.gen(function* () {
      const server = yield* served(() => open)
      yield* server.stopping
      assert.strictEqual(yield* health(server), "503 stopping")
    })
  )
})

describe("the socket of the metrics", () => {
  it.live("closes at once, also under a client that never ends its request", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { address } = yield* Scope.provide(
        served(() => open),
        scope
      )
      const socket = connect(address.port, address.host)
      yield* Effect.promise(
        () =>
          new Promise((resolve) => socket.write("GET /metrics HTTP/1.1\r\nHost: x\r\n", resolve))
      )
      const closed = new Promise((resolve) => socket.once("close", resolve))
      socket.on("error", () => {})
      yield* Scope.close(scope, Exit.void)
      yield* Effect.promise(() => closed)
    })
  )

  it.live("is a loopback one, or none", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(
        MetricsServer.serve({ host: "0.0.0.0", port: 0 }).pipe(
          Effect.provide(Layer.mock(RaftEngine, {} as never))
        )
      )
      assert.strictEqual(refused._tag, "ListenRefused")
    })
  )
})
