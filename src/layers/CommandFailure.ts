/**
 * How a command ends: one sentence on stderr and an exit code, never a stack trace or a help page.
 *
 * In brackets at the end of the sentence is the name of the error: operators find its row in
 * docs/OPERATIONS.md by it, and a script tells "nothing happened" from "open".
 * Exit codes: 0 done · 1 refused, failed or not found · 70 the node halted at an entry it could not
 * apply, or met a bug (SPEC §11) · 130 interrupted. Proof: `test/e2e/`.
 */
import * as Cause from "effect/Cause"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Runtime from "effect/Runtime"
import * as AbandonProcess from "./AbandonProcess.ts"
import * as CommandOutput from "./CommandOutput.ts"

/** EX_SOFTWARE of sysexits.h. */
const exitCodeHalted = 70
const exitCodeInterrupted = 130
const exitCodeRefused = 1

/** The engine has stopped for good; restarting under a mended cause replays from the same entry. */
export class NodeHalted extends Data.TaggedError("NodeHalted")<{ readonly cause: Error }> {
  override readonly [Runtime.errorExitCode] = exitCodeHalted
  override get message() {
    return `the node has halted: ${this.cause.message}`
  }
}

/** A node has one KEK, from one place. */
export class TwoKekSources extends Data.TaggedError("TwoKekSources") {
  override get message() {
    return "--kek-file and --kek-env were both given; give the one that this node's keys are wrapped under"
  }
}

/** A command whose answer is "no": it has said so already. */
export class AnswerIsNo extends Data.TaggedError("AnswerIsNo") {
  override readonly [Runtime.errorReported] = false
}

/** What was wrong with the command line, in one sentence; help is printed only when asked for. */
export const presenter: Layer.Layer<never> = CliOutput.layerPresenter({
  present: (event) =>
    isInvalid(event)
      ? CommandOutput.complain(`${problemOf(event)} (usage: ${event.commandPath.join(" ")} --help)`)
      : CliOutput.defaultPresenter.present(event)
})

type Invalid =
  | CliOutput.Presenter.InvalidInvocation
  | (CliOutput.Presenter.Help & { readonly reason: "Implicit" })

/** Help that nobody asked for is of a line that lacks its subcommand. */
const isInvalid = (event: CliOutput.Presenter.Event): event is Invalid =>
  event._tag === "InvalidInvocation" || (event._tag === "Help" && event.reason === "Implicit")

const problemOf = (event: Invalid): string => {
  if (event._tag === "Help") {
    const known = event.helpDoc.subcommands?.flatMap(({ commands }) => commands) ?? []
    return `name a subcommand: ${known.map(({ name }) => name).join(", ")}`
  }
  // The flags of one that is not known are not known either.
  const misspelt = event.errors.filter(({ _tag }) => _tag === "UnknownSubcommand")
  return (misspelt.length > 0 ? misspelt : event.errors).map(sentenceOf).join("; ")
}

/** Some of effect/cli's messages span lines, and all of them lack a full stop. */
const sentenceOf = ({ message }: Error) => message.replace(/\s+/g, " ").trim()

/** Says why the command failed, unless it has been said. */
export const report = <A, E, R>(command: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.tapCause(command, (cause) => {
    if (Cause.hasInterruptsOnly(cause)) return Effect.void
    const error = Cause.squash(cause)
    if (error instanceof AnswerIsNo || isOfTheLine(error)) return Effect.void
    const message = error instanceof Error ? error.message : String(error)
    return CommandOutput.complain(
      isBug(cause) ? `this is a bug: ${message}` : named(message, error)
    )
  })

/** What halted a node is what its operator looks for. */
const failureOf = (error: unknown) => (error instanceof NodeHalted ? error.cause : error)

const named = (message: string, error: unknown): string => {
  const failure = failureOf(error)
  return Predicate.hasProperty(failure, "_tag") ? `${message} (${failure._tag})` : message
}

/** The presenter has said what is wrong with the command line. */
const isOfTheLine = (error: unknown) => CliError.isCliError(error) && error._tag === "ShowHelp"

const isBug = <E>(cause: Cause.Cause<E>) => Cause.hasDies(cause) && !Cause.hasFails(cause)

const codeOf = <E>(cause: Cause.Cause<E>, error: unknown) => {
  if (isBug(cause)) return exitCodeHalted
  return isOfTheLine(error) ? exitCodeRefused : Runtime.getErrorExitCode(error)
}

/** A command for which an interruption is the normal end sets `process.exitCode` to 0. */
export const teardown: Runtime.Teardown = (exit, onExit) => {
  if (Exit.isSuccess(exit)) return onExit(0)
  if (Cause.hasInterruptsOnly(exit.cause)) {
    return onExit(process.exitCode === 0 ? 0 : exitCodeInterrupted)
  }
  const error = Cause.squash(exit.cause)
  const code = codeOf(exit.cause, error)
  return AbandonProcess.isCalledFor(failureOf(error))
    ? AbandonProcess.abandonProcess(code, onExit)
    : onExit(code)
}
