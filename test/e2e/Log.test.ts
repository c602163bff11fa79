/** What `serve` writes to stderr: one line per event, in the form asked for, without a secret. */
import { readFile } from "node:fs/promises"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as Canary from "../support/Canary.ts"
import * as Process from "../support/ProcessSealog.ts"

const { serve, stop } = Process

const canaryKey = "canary-key-of-a-user"
const canaryValue = "canary value nobody may read"

/** A node with these flags through all phases with canaries, stopped; and its KEK. */
const life = Effect.fnUntraced(function* (...flags: ReadonlyArray<string>) {
  const options = yield* Process.fresh
  const node = yield* serve({ ...options, flags })
  const client = yield* RpcClientSocket.connect(node.endpoint)
  const everyday = Effect.gen(function* () {
    yield* client.put(canaryKey, canaryValue)
    yield* client.get(canaryKey)
    yield* Effect.flip(client.put(canaryKey.repeat(100), canaryValue))
  })
  yield* Effect.flip(client.enableRaftEnvelope)
  yield* everyday
  yield* client.enableStorageEnvelope
  yield* everyday
  yield* client.enableRaftEnvelope
  yield* everyday
  const ended = yield* stop(node, "SIGTERM")
  assert.strictEqual(ended.code, 0, ended.stderr)
  const kek = yield* Effect.promise(() => readFile(options.kekFile))
  return { ...ended, lines: ended.stderr.split("\n").slice(0, -1), kek }
})

const events = [
  ...["Opened", "MembershipChanged", "LeadershipGained", "CutoverRefused"],
  ...["Registered", "PhaseEntered"],
  ...["CutoverStarted", "CutoverDrained", "MarkerAppended", "CutoverEnded", "PhaseEntered"],
  ...["Draining", "Stopping"]
]

describe("the log of sealog serve", () => {
  it.live("is a line of logfmt for each event", () =>
    Effect.gen(function* () {
      const { lines } = yield* life()
      const found = lines.map((line) => {
        assert.match(line, /^timestamp=\S+Z level=(INFO|WARN) fiber=#\d+ message="/)
        assert.match(line, / node=a group=0 /)
        return / event=(\w+)/.exec(line)?.[1]
      })
      assert.deepStrictEqual(found, events)
    })
  )

  it.live("is a line of JSON for each event, and holds no secret even at its most talkative", () =>
    Effect.gen(function* () {
      const ended = yield* life("--log-format", "json", "--log-level", "trace")
      const found = ended.lines.map((line) => JSON.parse(line))
      for (const { annotations, level, message, timestamp } of found) {
        assert.include(["TRACE", "DEBUG", "INFO", "WARN"], level)
        assert.isString(message)
        assert.match(timestamp, /Z$/)
        if (annotations.event === undefined) continue
        assert.deepInclude(annotations, { node: "a", group: 0 })
      }
      const ofNode = found.flatMap(({ annotations }) => annotations.event ?? [])
      assert.deepStrictEqual(ofNode, events)
      const secrets = {
        key: Buffer.from(canaryKey),
        value: Buffer.from(canaryValue),
        kek: ended.kek
      }
      assert.deepStrictEqual(Canary.found(ended.stderr + ended.stdout, secrets), [])
    })
  )

  it.live("is silent when it is told to be", () =>
    Effect.gen(function* () {
      const { stderr } = yield* life("--log-level", "none")
      assert.strictEqual(stderr, "")
    })
  )
})
