/** SPEC §15: a leader that is told to stop hands over first, if anybody can take over. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as OperatedCluster from "../support/ProcessOperatedCluster.ts"

/** The tags of its events, in order. */
const eventsOf = (stderr: string): ReadonlyArray<string> =>
  [...stderr.matchAll(/ event=(\w+)/g)].map(([, tag]) => tag!)

describe("a leader that is told to stop", () => {
  it.live("hands over before it stops", () =>
    Effect.gen(function* () {
      const { leader, ...cluster } = yield* OperatedCluster.start()
      const name = yield* leader
      const { code, stderr } = yield* cluster.end(name, "SIGTERM")
      assert.strictEqual(code, 0, stderr)
      const events = eventsOf(stderr)
      // It would lead to its end, if it did not ask another one to campaign.
      const last = events.slice(events.indexOf("Draining"))
      assert.deepStrictEqual(last, ["Draining", "LeadershipLost", "Stopping"])
      assert.notStrictEqual(yield* leader, name)
    })
  )

  it.live("stops all the same where nobody takes over", () =>
    Effect.gen(function* () {
      const { names, ...cluster } = yield* OperatedCluster.start()
      const name = yield* cluster.leader
      const others = names.filter((other) => other !== name)
      for (const other of others) cluster.signal(other, "SIGSTOP")
      const { code, stderr } = yield* cluster.end(name, "SIGTERM")
      for (const other of others) cluster.signal(other, "SIGCONT")
      assert.strictEqual(code, 0, stderr)
      assert.include(["Draining", "LeadershipLost"], eventsOf(stderr).at(-2))
      assert.strictEqual(eventsOf(stderr).at(-1), "Stopping")
    })
  )
})
