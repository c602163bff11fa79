/**
 * The process that checks images, and another one when it is gone: an image that makes native code
 * abort is a finding, not the end of the campaign.
 */
import { type ChildProcess, fork, type StdioOptions } from "node:child_process"
import { join } from "node:path"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Request } from "../../test/support/ProcessPowerLossCheck.ts"
import type { Verdict } from "./ImageCheck.ts"
import type { Recording } from "./Recording.ts"

/** The process ended, or did not answer, while it had an image open. */
export class CheckerGone extends Data.TaggedError("CheckerGone")<{ readonly how: string }> {}

const program = join(import.meta.dirname, "../../test/support/ProcessPowerLossCheck.ts")
const answerMillisMax = 60_000
const saidLengthMax = 1_000

export interface Checker {
  readonly check: (request: Request) => Effect.Effect<Verdict, CheckerGone>
}

/** Kept until the scope closes. One question at a time. */
export const make = (recording: Recording): Effect.Effect<Checker, never, Scope.Scope> =>
  Effect.gen(function* () {
    let child: ChildProcess | undefined
    /** What it said last: how LMDB explains itself before it ends a process. */
    let said = ""
    const stop = Effect.sync(() => {
      child?.kill("SIGKILL")
      child = undefined
    })
    yield* Effect.addFinalizer(() => stop)
    const start = Effect.suspend(() => {
      if (child !== undefined) return Effect.succeed(child)
      const { directory, marksFile } = recording
      const stdio: StdioOptions = ["ignore", "ignore", "pipe", "ipc"]
      const started = fork(program, [directory, marksFile], { stdio })
      said = ""
      started.stderr?.setEncoding("utf8").on("data", (text) => {
        said = `${said}${text}`.slice(-saidLengthMax)
      })
      child = started
      return Effect.as(answerOf<"ready">(started), started)
    })
    return {
      check: (request: Request) =>
        Effect.gen(function* () {
          const checking = yield* start
          // If it has died since its last answer, that is a finding: its end is the answer.
          checking.send(request, () => {})
          return yield* answerOf<Verdict>(checking)
        }).pipe(
          Effect.tapError(() => stop),
          Effect.mapError(({ how }) => new CheckerGone({ how: `${how} ${said.trim()}`.trim() }))
        )
    }
  })

/** The next message of the child, or how it ended. */
const answerOf = <A>(child: ChildProcess) =>
  Effect.callback<A, CheckerGone>((resume) => {
    const detach = () => child.off("message", answered).off("exit", ended)
    const answered = (message: unknown) => {
      detach()
      resume(Effect.succeed(message as A))
    }
    const ended = (code: number | null, signal: string | null) => {
      detach()
      resume(Effect.fail(new CheckerGone({ how: signal ?? `exit code ${code}` })))
    }
    if (child.exitCode !== null || child.signalCode !== null) {
      return ended(child.exitCode, child.signalCode)
    }
    child.once("message", answered)
    child.once("exit", ended)
    return Effect.sync(detach)
  }).pipe(
    Effect.timeoutOrElse({
      duration: answerMillisMax,
      orElse: () => Effect.fail(new CheckerGone({ how: `no answer after ${answerMillisMax} ms` }))
    })
  )
