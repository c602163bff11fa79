/**
 * The nemesis' side of the failpoints: arms a step, and waits until a leader is held there.
 *
 * Knows that it is held, not only that it came there: a process that is told to go on before it has stopped
 * would stop for good. Linux only, as it reads `/proc`. What must never happen: a wait without a bound;
 * its bound is the caller's.
 */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises"
import * as Effect from "effect/Effect"
import * as Failpoint from "./Failpoint.ts"
import type { Nodes } from "./Nodes.ts"

const lookMillis = 2

export const prepare = (directory: string) =>
  Effect.promise(() => mkdir(directory, { recursive: true }))

export const arm = (directory: string, step: Failpoint.Step) =>
  Effect.promise(() => writeFile(Failpoint.armedFile(directory, step), ""))

/** Returns the node that is held at the step. */
export const reached = Effect.fnUntraced(function* (
  directory: string,
  step: Failpoint.Step,
  nodes: Nodes
) {
  for (;;) {
    const files = yield* Effect.promise(() => readdir(directory))
    const [name] = files.flatMap((file) => Failpoint.nodeOf(file, step) ?? [])
    if (name !== undefined && (yield* isStopped(nodes.pidOf(name)))) return name
    yield* Effect.sleep(lookMillis)
  }
})

/** The state is what follows the name of the program, which is in brackets. */
const isStopped = (pid: number) =>
  Effect.promise(() => readFile(`/proc/${pid}/stat`, "utf8").catch(() => "")).pipe(
    Effect.map((stat) => /\) T /.test(stat))
  )
