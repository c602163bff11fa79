/**
 * Runs one node as a child process: started again when it ends by accident, stopped in good order when
 * the supervisor is interrupted.
 *
 * No child outlives its supervisor, as far as that can still act. The child is in a process group of
 * its own: Ctrl-C reaches the supervisor alone, which passes it on once. Proof:
 * `test/e2e/Start.test.ts`.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Plan from "./Plan.ts"
import * as Restart from "./Restart.ts"

const root = join(import.meta.dirname, "../..")
const program = join(root, "src/main.ts")
const environment = {
  NODE_COMPILE_CACHE: join(root, "node_modules/.cache/sealog-compile"),
  ...process.env
}

/** Requests that were begun get 10 s of it. */
const stopMillisMax = 20_000

export interface Told {
  /** A line of its log. */
  readonly log: (line: string) => void
  /** It serves. */
  readonly ready: () => void
  /** What the supervisor did. */
  readonly note: (text: string) => void
}

/** Returns when the node has ended for good, with the reason; interruption stops it. */
export const supervise = Effect.fnUntraced(function* (
  plan: Plan.Plan,
  node: Plan.PlannedNode,
  told: Told
) {
  for (let quickEnds = 1; ; quickEnds += 1) {
    const startedAt = yield* Clock.currentTimeMillis
    const end = yield* runOnce(Plan.serveArguments(plan, node), told)
    if ((yield* Clock.currentTimeMillis) - startedAt >= Restart.steadyMillis) quickEnds = 1
    const decision = Restart.decide(end, quickEnds)
    if (decision._tag === "Leave") {
      told.note(
        `${node.name} ${decision.because} and is not started again: mend what it says, then stop and start all`
      )
      return decision.because
    }
    told.note(`${node.name} ${decision.because}; starting it again in ${decision.afterMillis} ms`)
    yield* Effect.sleep(decision.afterMillis)
  }
})

/** One life of the process. */
const runOnce = (serveArguments: ReadonlyArray<string>, told: Told) =>
  Effect.acquireUseRelease(
    Effect.sync(() => launch(serveArguments, told)),
    ({ ended }) => ended,
    stop
  )

interface Running {
  readonly child: ChildProcess
  readonly ended: Effect.Effect<Restart.NodeEnd>
}

function launch(serveArguments: ReadonlyArray<string>, told: Told): Running {
  const child = spawn(process.execPath, [program, ...serveArguments], {
    cwd: root,
    detached: true,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"]
  })
  const killWithUs = () => child.kill("SIGKILL")
  process.on("exit", killWithUs)
  let end: Restart.NodeEnd | undefined
  const settle = (how: Restart.NodeEnd) => {
    end ??= how
    process.off("exit", killWithUs)
  }
  child.once("error", ({ message }) => {
    told.log(message)
    settle({ code: 1, signal: null })
    child.emit("close", 1, null)
  })
  child.once("close", (code, signal) => settle({ code, signal }))
  createInterface({ input: child.stdout }).on("line", (line) =>
    line.startsWith('{"ready":true') ? told.ready() : told.log(line)
  )
  createInterface({ input: child.stderr }).on("line", told.log)
  return {
    child,
    ended: Effect.callback<Restart.NodeEnd>((resume) => {
      const done = () => resume(Effect.succeed(end ?? { code: 1, signal: null }))
      if (end !== undefined) return done()
      child.once("close", done)
      return Effect.sync(() => child.off("close", done))
    })
  }
}

/** In good order, and by force after a while. */
const stop = ({ child, ended }: Running) =>
  Effect.suspend(() => {
    child.kill("SIGTERM")
    return Effect.timeoutOrElse(ended, {
      duration: stopMillisMax,
      orElse: () => {
        child.kill("SIGKILL")
        return ended
      }
    })
  })
