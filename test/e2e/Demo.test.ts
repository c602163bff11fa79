/** `npm run demo` as a program reads it: one line of JSON, in which everything is as it must be. */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"

/** Three nodes that are killed, stopped and wiped take their time on a busy machine. */
vi.setConfig({ testTimeout: 260_000 })

const program = join(import.meta.dirname, "../../scripts/demo.ts")

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const run = Effect.callback<Ended>((resume) => {
  const child = execFile(process.execPath, [program, "--json"], (_, stdout, stderr) =>
    resume(Effect.succeed({ code: child.exitCode, stdout, stderr }))
  )
  return Effect.sync(() => child.kill("SIGTERM"))
})

describe("npm run demo -- --json", () => {
  it.live("cuts a cluster over under load, through everything that happens to it", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* run
      assert.strictEqual(code, 0, stderr)
      assert.match(stdout, /^[^\n]+\n$/, "progress goes to stderr")
      const report = JSON.parse(stdout)
      assert.deepInclude(report, {
        ...{ phase: 2, nodes: 3, clientErrors: 0, refused: 0, lost: 0, wrong: 0, twice: 0 },
        ...{ controlFound: true, canaryInLog: false, canaryInState: false, misplacedEntries: 0 },
        ...{ wasAlreadyActiveOnRetry: true, wrongKekRefused: true, learnerCaughtUp: true },
        ...{ dryRunAccepted: true, statesEqual: true }
      })
      assert.isAbove(report.cutoverIndex, 0)
      assert.isAtLeast(report.acknowledged, 2_000)
      assert.isAtLeast(report.acknowledgedBeforeCutover, 500)
      assert.isAtLeast(report.acknowledgedAfterCutover, 500)
      assert.isAtLeast(report.leaderChanges, 1)
      assert.isAbove(report.barrierClosedMillis, 0)
      assert.isAbove(report.pauseMillisMax, 0)
      assert.match(stderr, /dry run of the cutover: n\d ok, n\d ok, n\d ok; still phase 1/)
      assert.match(stderr, /killed with SIGKILL right after the marker/)
      assert.match(stderr, /under the wrong KEK: exit code 1, sealog: /)
      assert.match(stderr, /it installed a snapshot and caught up/)
    })
  )
})
