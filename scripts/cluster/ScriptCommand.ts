/** How a script with flags runs and ends: what it refuses is one line on stderr, and exit code 1. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"

/** A line for who watches; what a script prints as its result goes to stdout. */
export const say = (line: string) => Effect.sync(() => console.error(line))

/** Runs it as the program. */
export const runMain = <
  Name extends string,
  Input,
  Context,
  E extends { readonly message: string }
>(
  command: Command.Command<Name, Input, Context, E, NodeServices.NodeServices>
): void =>
  Command.run(command, { version: "0.1.0" }).pipe(
    Effect.tapError((error) => say(`${command.name}: ${error.message}`)),
    Effect.provide(NodeServices.layer),
    NodeRuntime.runMain({ disableErrorReporting: true })
  )
