/**
 * SPEC §14: before a cluster is encrypted every member proves that it can use the keys. Real processes,
 * one without a KEK, one with another KEK, one that is stopped.
 */
import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { answered } from "../../scripts/cluster/Asking.ts"
import * as ProcessCluster from "../support/ProcessCluster.ts"
import * as Process from "../support/ProcessSealog.ts"

/** Some fifteen processes take their time on a machine that is busy with something else. */
vi.setConfig({ testTimeout: 240_000 })

describe("the capability gate of a cluster", () => {
  it.live("names every node that cannot take part, and lets those pass that can", () =>
    Effect.gen(function* () {
      const places = yield* ProcessCluster.places(3)
      const [one, two, three] = places as [
        ProcessCluster.Place,
        ProcessCluster.Place,
        ProcessCluster.Place
      ]
      const { kekFile: right } = yield* Process.fresh
      const { kekFile: wrong } = yield* Process.fresh
      const list = ProcessCluster.bootstrapFlags(places)
      const serve = (place: ProcessCluster.Place, ...kek: ReadonlyArray<string>) =>
        ProcessCluster.serveAt(place, [...list, ...kek])
      const started = yield* Effect.all(
        [serve(one, "--kek-file", right), serve(two, "--kek-file", wrong), serve(three)],
        { concurrency: "unbounded" }
      )
      const at = ["--endpoint", one.listen]
      const sealog = (...given: ReadonlyArray<string>) => Process.sealog(...given, ...at)
      yield* answered(
        Effect.map(sealog("leader", "transfer", "n1"), ({ code }) =>
          code === 0 ? true : undefined
        )
      )

      const refused = yield* sealog("encryption", "enable-storage-envelope")
      Process.assertRefused(refused, /n2: its KEK does not unwrap the keys \d+;/)
      Process.assertRefused(refused, /n3: it has no key-encryption key; restart it with --kek-file/)
      assert.notMatch(refused.stderr, /n1:/)
      const status = Process.json(yield* sealog("encryption", "status", "--json"))
      assert.deepInclude(status as object, { phase: 0, keys: [] })

      started[1].kill("SIGKILL")
      yield* started[1].end
      started[2].kill("SIGKILL")
      yield* started[2].end
      yield* serve(two, "--kek-file", right)
      const third = yield* serve(three, "--kek-file", right)
      yield* answered(
        Effect.map(sealog("leader", "transfer", "n1"), ({ code }) =>
          code === 0 ? true : undefined
        )
      )
      third.kill("SIGSTOP")
      const early = yield* sealog("encryption", "enable-raft-envelope", "--dry-run")
      Process.assertRefused(early, /enable-storage-envelope/)
      const stopped = yield* sealog("encryption", "enable-storage-envelope")
      Process.assertRefused(stopped, /\(n3: it did not answer in time; [^;]*\);/)
      third.kill("SIGCONT")
      yield* answered(
        Effect.map(sealog("encryption", "enable-storage-envelope"), ({ code }) =>
          code === 0 ? true : undefined
        )
      )
      third.kill("SIGSTOP")
      const rehearsed = yield* sealog("encryption", "enable-raft-envelope", "--dry-run", "--json")
      assert.strictEqual(rehearsed.code, 1, "it would not be accepted")
      assert.match(rehearsed.stderr, /n3: it did not answer in time;/)
      const { nodes } = JSON.parse(rehearsed.stdout)
      const answers = nodes.map(({ answer }: { answer: string }) => answer)
      assert.deepStrictEqual(answers, ["ok", "ok", "Unreachable"])
      third.kill("SIGCONT")

      const able = yield* answered(
        Effect.map(
          Process.sealog(
            "encryption",
            "enable-raft-envelope",
            "--dry-run",
            "--endpoint",
            two.listen
          ),
          (said) => (said.code === 0 ? said : undefined)
        )
      )
      assert.match(able.stdout, /^n1 +\S+ +ok\nn2 +\S+ +ok\nn3 +\S+ +ok$/m)
      const untouched = Process.json(yield* sealog("encryption", "status", "--json"))
      assert.deepInclude(untouched as object, { phase: 1, cutoverIndex: 0 })
      yield* answered(
        Effect.map(sealog("encryption", "enable-raft-envelope"), ({ code }) =>
          code === 0 ? true : undefined
        )
      )
      const done = yield* sealog("encryption", "enable-raft-envelope", "--dry-run")
      assert.strictEqual(done.code, 0)
      assert.match(done.stdout, /is enabled already/)
    })
  )
})
