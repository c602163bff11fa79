/**
 * `npm run check`: types, lint and format, and the house rules of `test/tidy.test.ts`.
 *
 * Every stage runs even if one before it failed. The last lines say `check: <stage> passed` or
 * `check: <stage> failed`, one for each; `.ci/run` counts them.
 */
import { spawnSync } from "node:child_process"

const stages = [
  ["types", "tsc", ["--noEmit"]],
  ["lint", "biome", ["check", "--error-on-warnings", "."]],
  ["tidy", "vitest", ["run", "test/tidy.test.ts"]]
]

const verdicts = stages.map(([stage, command, commandArguments]) => {
  console.log(`\n> ${stage}: ${command} ${commandArguments.join(" ")}`)
  const { status, signal, error } = spawnSync(command, commandArguments, { stdio: "inherit" })
  if (error !== undefined) console.error(`cannot run ${command}: ${error.message}`)
  // Ctrl-C means all of it.
  if (signal === "SIGINT" || signal === "SIGTERM") process.exit(1)
  return [stage, status === 0]
})

console.log("")
for (const [stage, passed] of verdicts) {
  console.log(`check: ${stage} ${passed ? "passed" : "failed"}`)
}
process.exit(verdicts.every(([, passed]) => passed) ? 0 : 1)
