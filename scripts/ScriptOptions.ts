/**
 * The options of a script, or one line that says what is wrong with them: a mistyped option is no crash.
 *
 * Proof: `test/scripts/ScriptOptions.test.ts`.
 */
import { type ParseArgsConfig, parseArgs } from "node:util"

/** Ends the process with exit code 1 if an option is not known or lacks its value. */
export const parse = <Config extends ParseArgsConfig>(config: Config) => {
  try {
    return parseArgs(config)
  } catch (cause) {
    console.error(cause instanceof Error ? cause.message : String(cause))
    process.exit(1)
  }
}
