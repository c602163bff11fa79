/** `--metrics-listen`: a real process, scraped over HTTP and read by a strict reader. */
import { existsSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as Process from "../support/ProcessSealog.ts"
import * as PrometheusText from "../support/PrometheusText.ts"

const { assertRefused, sealog, serve, stop } = Process

const fetched = (address: string, path: string, method = "GET") =>
  Effect.promise(async () => {
    const answer = await fetch(`http://${address}${path}`, { method })
    const type = answer.headers.get("content-type")
    return { status: answer.status, type, text: await answer.text() }
  })

const scraped = Effect.fnUntraced(function* (address: string) {
  const { status, text, type } = yield* fetched(address, "/metrics")
  assert.strictEqual(status, 200)
  assert.strictEqual(type, "text/plain; version=0.0.4; charset=utf-8")
  return PrometheusText.parse(text)
})

describe("sealog serve --metrics-listen", () => {
  it.live("is scraped in every phase, and says that it is well", () =>
    Effect.gen(function* () {
      const flags = ["--metrics-listen", "127.0.0.1:0"]
      const node = yield* serve({ ...(yield* Process.fresh), flags })
      const ready = JSON.parse(node.readyLine)
      assert.deepStrictEqual(Object.keys(ready), ["ready", "listen", "metrics"])
      assert.match(ready.metrics, /^127\.0\.0\.1:[1-9]\d*$/)
      const scrape = scraped(ready.metrics)

      const first = yield* scrape
      const zero = ["sealog_proposals_total", "sealog_seals_total", "sealog_open_failures_total"]
      for (const name of zero) {
        const { samples } = first.get(name)!
        assert.isNotEmpty(samples)
        assert.isTrue(samples.every(({ value }) => value === 0))
      }
      assert.strictEqual(PrometheusText.valueOf(first, "sealog_boot_count"), 1)

      const client = yield* RpcClientSocket.connect(node.endpoint)
      yield* client.put("k", "1")
      yield* client.enableStorageEnvelope
      const { cutoverIndex } = yield* client.enableRaftEnvelope
      yield* client.put("k", "2")
      const last = yield* scrape
      const of = (name: string, labels = {}) => PrometheusText.valueOf(last, name, labels)
      assert.strictEqual(of("sealog_proposals_total", { outcome: "applied" }), 2)
      assert.strictEqual(of("sealog_encryption_phase"), 2)
      assert.strictEqual(of("sealog_cutover_index"), cutoverIndex)
      assert.strictEqual(of("sealog_seals_total", { envelope: "raft" }), 1)
      assert.isAbove(of("sealog_log_sync_seconds_sum"), 0)
      assert.isAbove(of("sealog_free_bytes"), of("sealog_free_bytes_mark", { mark: "refuse" }))
      assert.isAbove(of("process_resident_memory_bytes"), 1e6)
      for (const [name, family] of first) {
        const again = last.get(name)?.samples.map(({ labels }) => labels)
        const before = family.samples.map(({ labels }) => labels)
        assert.deepStrictEqual(again, before, "no series comes later, none goes")
      }

      assert.deepInclude(yield* fetched(ready.metrics, "/healthz"), { status: 200, text: "ok\n" })
      for (const [path, method] of [
        ["/", "GET"],
        ["/metrics/", "POST"],
        ["/nothing", "GET"]
      ]) {
        assert.strictEqual((yield* fetched(ready.metrics, path!, method)).status, 404, path)
      }
      assert.strictEqual((yield* stop(node, "SIGTERM")).code, 0)
    })
  )

  it.live("is refused where it must not be served, and then nothing is opened", () =>
    Effect.gen(function* () {
      const options = yield* Process.fresh
      const { directory, nodeName } = options
      const start = (metrics: string, data = directory) =>
        sealog(
          ...["serve", "--data-dir", data, "--name", nodeName],
          ...["--listen", "127.0.0.1:0", "--metrics-listen", metrics]
        )
      assertRefused(yield* start("0.0.0.0:0"), /only loopback addresses/)
      assertRefused(yield* start("9464"), /--metrics-listen/)
      assert.isFalse(existsSync(directory))
      const node = yield* serve(options)
      assertRefused(yield* start(node.address, `${directory}-2`), /cannot listen on .*EADDRINUSE/)
      yield* stop(node, "SIGTERM")
    })
  )
})
