/**
 * SPEC §15: a node that is let into a cluster in phase 2 shows first that it can use its keys. Real
 * processes: the wrong KEK, none, and the right one in the same directory.
 */
import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { answered } from "../../scripts/cluster/Asking.ts"
import * as ProcessCluster from "../support/ProcessCluster.ts"
import * as Process from "../support/ProcessSealog.ts"

/** Two clusters' worth of processes take their time on a machine that is busy with something else. */
vi.setConfig({ testTimeout: 240_000 })

describe("joining a cluster whose log is sealed", () => {
  it.live("needs the KEK of the others, and then reads, votes, leads and seals", () =>
    Effect.gen(function* () {
      const places = yield* ProcessCluster.places(4)
      const members = places.slice(0, 3)
      const [one, newcomer] = [places[0]!, places[3]!]
      const { kekFile: right } = yield* Process.fresh
      const { kekFile: wrong } = yield* Process.fresh
      const flags = [...ProcessCluster.bootstrapFlags(members), "--kek-file", right]
      yield* Effect.forEach(members, (place) => ProcessCluster.serveAt(place, flags), {
        concurrency: "unbounded"
      })
      const at = ["--endpoint", one.listen]
      const sealog = (...given: ReadonlyArray<string>) => Process.sealog(...given, ...at)
      const done = (...given: ReadonlyArray<string>) =>
        answered(Effect.map(sealog(...given), ({ code }) => (code === 0 ? true : undefined)))
      yield* done("encryption", "enable-storage-envelope")
      yield* done("encryption", "enable-raft-envelope")
      yield* ProcessCluster.put(members, "k", "sealed")

      const add = ["member", "add", `n4=${newcomer.peer}`, "--learner"]
      /** What it is told once the leader knows it. */
      const refusedWith = Effect.fnUntraced(function* (reason: RegExp, ...kek: Array<string>) {
        const joining = yield* ProcessCluster.startAt(newcomer, [
          ...ProcessCluster.joinFlags(newcomer, one),
          ...kek
        ])
        yield* answered(
          Effect.map(sealog(...add), ({ code, stderr }) => {
            assert.notStrictEqual(code, 0)
            return reason.test(stderr) ? true : undefined
          })
        )
        joining.kill("SIGKILL")
        yield* joining.end
      })
      yield* refusedWith(/n4 cannot take part: its KEK does not unwrap/, "--kek-file", wrong)
      yield* refusedWith(/n4 cannot take part: it has no key-encryption key; restart it/)

      const joined = yield* ProcessCluster.startAt(newcomer, [
        ...ProcessCluster.joinFlags(newcomer, one),
        ...["--kek-file", right]
      ])
      yield* done(...add)
      yield* joined.firstLine
      assert.strictEqual(yield* ProcessCluster.get(newcomer, "k"), "sealed")
      yield* done("member", "promote", "n4")
      yield* done("leader", "transfer", "n4")
      yield* ProcessCluster.put([newcomer], "k", "sealed by n4")
      assert.strictEqual(yield* ProcessCluster.get(one, "k"), "sealed by n4")
      assert.isUndefined(joined.ended())
    })
  )
})
