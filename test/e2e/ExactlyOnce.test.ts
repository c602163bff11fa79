/** SPEC §7: writes of a session through a real node that is killed again and again: each applied once. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as RpcSession from "../../src/layers/RpcSession.ts"
import * as Process from "../support/ProcessSealog.ts"

const killCount = 4
const clientCount = 8

describe("clients with a session", () => {
  it.live("ride out a node that is killed, and every write is applied exactly once", () =>
    Effect.gen(function* () {
      const options = yield* Process.fresh
      const first = yield* Process.serve(options)
      const listen = first.address
      const connection = yield* RpcClientSocket.connect(first.endpoint)
      const session = yield* RpcSession.make(connection, { deadlineMillis: 60_000 })

      let isOver = false
      const answered: Array<number> = []
      const client = (id: number) =>
        Effect.gen(function* () {
          for (let at = 0; !isOver; at++) {
            const { revision } = yield* session.put(`client-${id}`, `${at}`)
            answered.push(revision)
          }
        })
      const clients = yield* Effect.forEach(
        Array.from({ length: clientCount }, (_, id) => id),
        (id) => Effect.forkChild(client(id))
      )
      const more = (count: number) => {
        const until = answered.length + count
        return Effect.promise(async () => {
          while (answered.length < until) await new Promise((resolve) => setImmediate(resolve))
        })
      }
      let node = first
      const lives = yield* Scope.make()
      for (let kill = 0; kill < killCount; kill++) {
        yield* more(50)
        yield* Process.stop(node, "SIGKILL")
        node = yield* Process.serve({ ...options, listen }).pipe(Scope.provide(lives))
      }
      yield* more(50)
      isOver = true
      yield* Fiber.awaitAll(clients)

      // Every put takes a revision: one that was applied twice would have taken two.
      const status = yield* connection.status
      assert.strictEqual(status.revision, answered.length)
      assert.deepStrictEqual(
        answered.toSorted((a, b) => a - b),
        Array.from({ length: answered.length }, (_, at) => at + 1)
      )
      yield* Scope.close(lives, Exit.void)
    })
  )
})
