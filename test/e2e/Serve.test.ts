/** `sealog serve`: its start, its refusals, its ends. */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as Process from "../support/ProcessSealog.ts"

const { assertRefused, sealog, serve, stop } = Process

describe("sealog serve", () => {
  it.live("prints one line when it serves, stops on SIGTERM with 0, and finds its data again", () =>
    Effect.gen(function* () {
      const options = yield* Process.fresh
      const node = yield* serve(options)
      assert.deepStrictEqual(JSON.parse(node.readyLine), { ready: true, listen: node.address })
      assert.isAbove(node.endpoint.port, 0)
      const client = yield* RpcClientSocket.connect(node.endpoint)
      yield* client.put("kept", "over a stop")
      const ended = yield* stop(node, "SIGTERM")
      assert.deepStrictEqual(
        { code: ended.code, stdout: ended.stdout },
        { code: 0, stdout: `${node.readyLine}\n` }
      )

      const again = yield* serve(options)
      const reader = yield* RpcClientSocket.connect(again.endpoint)
      assert.strictEqual(Buffer.from((yield* reader.get("kept"))!.value).toString(), "over a stop")
      assert.strictEqual((yield* reader.status).bootCount, 2)
      assert.strictEqual((yield* stop(again, "SIGINT")).code, 0)
    })
  )

  it.live("survives SIGKILL in phase 2 and reads everything back", () =>
    Effect.gen(function* () {
      const options = yield* Process.fresh
      const node = yield* serve(options)
      const client = yield* RpcClientSocket.connect(node.endpoint)
      yield* client.put("before", "plain")
      yield* client.enableStorageEnvelope
      const { cutoverIndex } = yield* client.enableRaftEnvelope
      yield* client.put("after", "sealed")
      assert.strictEqual((yield* stop(node, "SIGKILL")).signal, "SIGKILL")

      const again = yield* serve(options)
      const reader = yield* RpcClientSocket.connect(again.endpoint)
      assert.strictEqual(Buffer.from((yield* reader.get("before"))!.value).toString(), "plain")
      assert.strictEqual(Buffer.from((yield* reader.get("after"))!.value).toString(), "sealed")
      const { cutoverIndex: kept, phase } = yield* reader.encryptionStatus
      assert.deepStrictEqual({ kept, phase }, { kept: cutoverIndex, phase: 2 })
      yield* stop(again, "SIGTERM")

      // Now that it is encrypted it starts with its own KEK only.
      const { directory, nodeName } = options
      const start = ["serve", "--data-dir", directory, "--listen", "127.0.0.1:0", "--name"]
      const { kekFile: otherKek } = yield* Process.fresh
      // One at a time: the directory has one lock.
      const without = yield* sealog(...start, nodeName)
      const wrong = yield* sealog(...start, nodeName, "--kek-file", otherKek)
      const absent = yield* sealog(...start, nodeName, "--kek-file", join(directory, "absent"))
      assertRefused(without, /key-encryption key|KEK/)
      assertRefused(wrong, /does not unwrap/)
      assertRefused(absent, /absent/)
    })
  )

  it.live("refuses what it must not serve", () =>
    Effect.gen(function* () {
      const options = yield* Process.fresh
      const { directory, nodeName } = options
      const node = yield* serve(options)
      const start = (data: string, listen: string, name = nodeName) =>
        sealog("serve", "--data-dir", data, "--listen", listen, "--name", name)
      const unused = `${directory}-unused`
      const [second, everywhere, taken, badName, badListen] = yield* Effect.all(
        [
          start(directory, "127.0.0.1:0"),
          start(unused, "0.0.0.0:0"),
          start(`${unused}-too`, node.address),
          start(unused, "127.0.0.1:0", "no blanks"),
          start(unused, "7000")
        ],
        { concurrency: 3 }
      )
      assertRefused(second, /in use by another process/)
      assertRefused(everywhere, /only loopback addresses/)
      assertRefused(taken, /cannot listen on .*EADDRINUSE/)
      assertRefused(badName, /--name/)
      assertRefused(badListen, /--listen/)
      assert.strictEqual((yield* stop(node, "SIGTERM")).code, 0)
      const another = yield* start(directory, "127.0.0.1:0", "b")
      assertRefused(another, /belongs to node a/)
    })
  )
})
