/** SPEC §6: a node that cannot register follows, and everything an operator looks at says why. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Limits from "../../src/domain/Limits.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as Process from "../support/ProcessSealog.ts"
import * as PrometheusText from "../support/PrometheusText.ts"
import * as StoppedDirectory from "../support/StoppedDirectory.ts"

const { json, sealog, serve, stop } = Process

/** A node that serves, follows and will not lead; it has led in an opening before. */
const renouncedNode = Effect.gen(function* () {
  const options = { ...(yield* Process.fresh), flags: ["--metrics-listen", "127.0.0.1:0"] }
  const first = yield* serve(options)
  const before = yield* RpcClientSocket.connect(first.endpoint)
  yield* before.enableStorageEnvelope
  yield* before.enableRaftEnvelope
  const status = yield* sealog("status", "--endpoint", first.address)
  assert.notMatch(status.stdout, /candidacy/)
  yield* stop(first, "SIGTERM")
  const rewritten = yield* StoppedDirectory.rewriteEpochs(
    options.directory,
    () => Limits.localEpochMax
  )
  assert.strictEqual(rewritten, 1)
  const node = yield* serve(options)
  const client = yield* RpcClientSocket.connect(node.endpoint)
  const renounced = yield* client.status
  return { node, client, renounced, metrics: JSON.parse(node.readyLine).metrics as string }
})

it.live("a node whose epochs are used up says so in its status and in its log", () =>
  Effect.gen(function* () {
    const { node, renounced } = yield* renouncedNode
    const reason = "LocalEpochExhausted"
    assert.deepInclude(renounced, { role: "Follower", candidacyRenounced: reason } as const)
    const text = yield* sealog("status", "--endpoint", node.address)
    assert.match(text.stdout, /\ncandidacy: +renounced \(LocalEpochExhausted\)/)
    const answer = json(yield* sealog("status", "--endpoint", node.address, "--json"))
    assert.deepInclude(answer, { candidacyRenounced: reason })
    const { stderr } = yield* stop(node, "SIGTERM")
    assert.match(stderr, / level=ERROR .* event=CandidacyRenounced reason=LocalEpochExhausted\n/)
  })
)

it.live(
  "a node that drains can be watched, and says that it is stopping, until its last answer",
  () =>
    Effect.gen(function* () {
      const { client, metrics, node } = yield* renouncedNode
      const fetched = (path: string) =>
        Effect.promise(async () => await (await fetch(`http://${metrics}${path}`)).text())
      const refusals = Effect.map(fetched("/metrics"), (text) =>
        PrometheusText.valueOf(PrometheusText.parse(text), "sealog_proposal_refusals_total", {
          reason: "NotLeader"
        })
      )
      // The server tries it again until the proposal time-out: it is on its way for 10 s.
      const put = yield* Effect.forkChild(Effect.exit(client.put("k", "v")), {
        startImmediately: true
      })
      yield* Effect.repeat(refusals, { until: (count) => count > 0 })
      assert.strictEqual(yield* fetched("/healthz"), "ok\n")
      node.kill("SIGTERM")
      yield* Effect.repeat(fetched("/healthz"), { until: (text) => text === "stopping\n" })
      assert.isAbove(yield* refusals, 0)
      assert.isUndefined(put.pollUnsafe(), "it is not answered yet")
      const exit = yield* Fiber.join(put)
      assert.isTrue(Exit.isFailure(exit))
      const ended = yield* node.end
      assert.strictEqual(ended.code, 0, ended.stderr)
      assert.match(ended.stderr, /event=Draining\n[^\n]* event=Stopping\n$/)
    })
)
