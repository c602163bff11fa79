/**
 * Runs a node under strace. A system without it, or one that forbids tracing, skips with the reason.
 *
 * The node stays the child of the test (`-D`), so signals reach it and its exit code is its own; strace
 * ends with it, and its output is complete when the pipes of the process are closed.
 */
import { spawnSync } from "node:child_process"
import { it } from "@effect/vitest"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Launch } from "../../scripts/demo/NodeProcess.ts"

/** Why nothing can be traced here, or `undefined`. */
const missing: string | undefined = (() => {
  const options = ["-f", "--seccomp-bpf", "-qq", "-e", "trace=none", "-o", "/dev/null", "true"]
  const { error, status, stderr } = spawnSync("strace", options, { encoding: "utf8" })
  if (error !== undefined) return `strace is missing: ${error.message}`
  return status === 0 ? undefined : `strace cannot trace here: ${stderr.trim()}`
})()

/** A test that runs where processes can be traced, and elsewhere says why it does not. */
export const itTraced = <E>(title: string, body: () => Effect.Effect<void, E, Scope.Scope>) =>
  missing === undefined
    ? it.live(title, body)
    : it(title, (context) => context.skip(`not traced: ${missing}`))

export interface Tracing {
  /** Where strace writes. */
  readonly output: string
  readonly calls: ReadonlyArray<string>
  /** Only calls that touch this file. */
  readonly path?: string
  /** Such as `fdatasync:error=EIO:when=3`, counted for each thread by itself. */
  readonly inject?: string
}

/** Whole pages, so that what is in them can be found. */
const stringBytesMax = 8192

/** One worker thread, so that "the third sync" is the same one in every run. */
export const launch = ({ calls, inject, output, path }: Tracing): Launch => ({
  environment: { UV_THREADPOOL_SIZE: "1" },
  wrapper: [
    ...["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-yy", "-s", `${stringBytesMax}`],
    ...["-e", "signal=none", "-e", `trace=${calls.join(",")}`, "-o", output],
    ...(path === undefined ? [] : ["-P", path]),
    ...(inject === undefined ? [] : ["-e", `inject=${inject}`])
  ]
})
