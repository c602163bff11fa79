#!/usr/bin/env node
/**
 * The command line. No logic: each command lives in `layers/Command*.ts`.
 *
 * `serve` prints one line of JSON when it is ready; logs and errors go to stderr.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as CliConfig from "effect/cli/CliConfig"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { version } from "./domain/Version.ts"
import * as CommandDump from "./layers/CommandDump.ts"
import * as CommandEncryption from "./layers/CommandEncryption.ts"
import * as CommandFailure from "./layers/CommandFailure.ts"
import * as CommandKek from "./layers/CommandKek.ts"
import * as CommandKv from "./layers/CommandKv.ts"
import * as CommandLeader from "./layers/CommandLeader.ts"
import * as CommandMember from "./layers/CommandMember.ts"
import * as CommandOutput from "./layers/CommandOutput.ts"
import * as CommandServe from "./layers/CommandServe.ts"
import * as CommandStatus from "./layers/CommandStatus.ts"

const sealog = Command.make("sealog").pipe(
  Command.withDescription("Replicated, encrypted log and key-value store"),
  Command.withSubcommands([
    CommandServe.command,
    CommandKv.command,
    CommandStatus.command,
    CommandMember.command,
    CommandLeader.command,
    CommandEncryption.command,
    CommandKek.command,
    CommandDump.log,
    CommandDump.sidecar
  ]),
  // After the subcommands, which are the ones that ask for it.
  Command.withGlobalFlags([CommandOutput.Json])
)

const environment = Layer.mergeAll(
  NodeServices.layer,
  CommandFailure.presenter,
  CliConfig.layer({
    builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions, GlobalFlag.LogLevel]
  }),
  Layer.succeed(Logger.LogToStderr, true)
)

Command.run(sealog, { version }).pipe(
  Effect.provide(environment),
  CommandFailure.report,
  NodeRuntime.runMain({ disableErrorReporting: true, teardown: CommandFailure.teardown })
)
