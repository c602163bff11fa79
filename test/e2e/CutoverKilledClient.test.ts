/**
 * `sealog encryption enable-raft-envelope` killed in the middle of the cutover (SPEC §12, §20): real
 * processes, real files; only the disk of the node is made to wait for the marker, until the test says.
 */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Endpoint from "../../src/domain/api/Endpoint.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as Process from "../support/ProcessSealog.ts"

const { json, sealog, serve, start, stop } = Process

const heldNode = join(import.meta.dirname, "../support/ProcessHeldNode.ts")
const launch = { wrapper: [process.execPath, heldNode] }

/** A node in mid-cutover, whose client has been killed: the marker waits for the disk. */
const killedInMidCutover = Effect.gen(function* () {
  const options = yield* Process.fresh
  const node = yield* serve({ ...options, launch })
  const at = ["--endpoint", Endpoint.format(node.endpoint), "--json"]
  const client = yield* RpcClientSocket.connect(node.endpoint)
  yield* client.put("k", "before")
  json(yield* sealog("encryption", "enable-storage-envelope", ...at))
  const operator = yield* start(["encryption", "enable-raft-envelope", ...at])
  yield* Effect.repeat(client.encryptionStatus, {
    while: ({ isBarrierClosed }) => !isBarrierClosed
  })
  const killed = yield* stop(operator, "SIGKILL")
  assert.deepInclude(killed, { signal: "SIGKILL", stdout: "" })
  assert.include(yield* client.encryptionStatus, { phase: 1, isBarrierClosed: true })
  return { options, node, at, client }
})

describe("a client that is killed in the middle of a cutover", () => {
  it.live("is not needed: the node ends it alone, and says so to the next one", () =>
    Effect.gen(function* () {
      const { at, client, node } = yield* killedInMidCutover
      const putting = yield* Effect.forkChild(client.put("k", "during"), {
        startImmediately: true
      })
      const rival = yield* Effect.flip(client.enableRaftEnvelope)
      assert.strictEqual(rival._tag, "CutoverInFlight")
      // The command asks again until it is known what became of the one in flight.
      const waiting = yield* start(["encryption", "enable-raft-envelope", ...at])
      assert.isTrue((yield* client.encryptionStatus).isBarrierClosed)

      node.kill("SIGUSR2")
      yield* Fiber.join(putting)
      const now = yield* client.encryptionStatus
      assert.include(now, { phase: 2, isBarrierClosed: false, isWrapFlagSet: true })
      const retried = [
        yield* waiting.end,
        yield* sealog("encryption", "enable-raft-envelope", ...at)
      ]
      for (const answer of retried) {
        assert.deepInclude(json(answer) as object, {
          cutoverIndex: now.cutoverIndex,
          wasAlreadyActive: true
        })
      }
      const found = yield* client.get("k")
      assert.strictEqual(Buffer.from(found!.value).toString(), "during")
    })
  )

  it.live(
    "together with the node: after the restart nothing has happened, and a retry does it",
    () =>
      Effect.gen(function* () {
        const { node, options } = yield* killedInMidCutover
        yield* stop(node, "SIGKILL")
        const again = yield* serve(options)
        const client = yield* RpcClientSocket.connect(again.endpoint)
        const found = yield* client.get("k")
        assert.strictEqual(Buffer.from(found!.value).toString(), "before")
        assert.include(yield* client.encryptionStatus, { phase: 1, isBarrierClosed: false })
        const at = ["--endpoint", Endpoint.format(again.endpoint), "--json"]
        const retried = json(yield* sealog("encryption", "enable-raft-envelope", ...at))
        assert.include(retried as object, { wasAlreadyActive: false })
        assert.include(yield* client.encryptionStatus, { phase: 2, isBarrierClosed: false })
      })
  )
})
