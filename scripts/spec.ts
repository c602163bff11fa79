/**
 * Runs the executable model of the cutover: `npm run -s spec [-- --traces N --steps N --seed S]`.
 *
 * The safe variants must hold in every trace and, among them, reach every witness; each gap
 * variant must break the invariant it names. What must never happen: a success of a run in which one of
 * these was not seen, or in which traces ended early.
 * Quint is installed beside the model at its first run, by the lock file there, so that `npm ci` stays
 * light. Proof: the gaps themselves; a rule nobody needs is a gap that is not caught.
 */
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"

const directory = join(import.meta.dirname, "..", "spec")
const quint = join(directory, "node_modules", ".bin", "quint")
const model = join(directory, "cutover.qnt")

const { values } = parseArgs({
  options: {
    traces: { type: "string", default: "500" },
    steps: { type: "string", default: "50" },
    seed: { type: "string", default: "1" }
  }
})
const source = readFileSync(model, "utf8")
const safes = [...source.matchAll(/^module (safe\w*) /gm)].map(([, name]) => name!)
const gaps = [...source.matchAll(/^module gap(\w+) [^}]*?val mustBreak = (\w+)/gm)]
const witnesses = [
  ...source.slice(source.indexOf("--- Witnesses")).matchAll(/^ {2}val (\w+) = seen/gm)
].map(([, name]) => name!)
const conjuncts = /val safety = and \{([^}]*)\}/.exec(source)?.[1] ?? ""
const invariants = conjuncts.split(",").map((name) => name.trim())

/** What Quint prints, its verdict, and the seed that shows it again. */
function run(main: string, samples: string, rest: ReadonlyArray<string>) {
  const options = ["--backend=typescript", "--verbosity=2", `--main=${main}`]
  const bounds = [
    `--max-samples=${samples}`,
    `--max-steps=${values.steps}`,
    `--seed=${values.seed}`
  ]
  const { stderr, stdout } = spawnSync(quint, ["run", model, ...options, ...bounds, ...rest], {
    encoding: "utf8",
    maxBuffer: 2 ** 28
  })
  const said = stdout + stderr
  const verdict = said.includes("[ok]")
    ? "holds"
    : said.includes("[violation]")
      ? "breaks"
      : "failed"
  return { said, verdict }
}

let failures = 0
function report(isRight: boolean, line: string): void {
  if (!isRight) failures += 1
  console.log(`${isRight ? "ok  " : "FAIL"} ${line}`)
}

if (!existsSync(quint)) {
  spawnSync("npm", ["ci", "--ignore-scripts", "--prefix", directory], { stdio: "ignore" })
}
let safeTraces = 0
const reached = new Map(witnesses.map((name) => [name, 0]))
console.log(`invariants: ${invariants.join(", ")}`)
for (const main of safes) {
  const asked = ["--invariants", ...invariants, "--witnesses", ...witnesses]
  const { said, verdict } = run(main, values.traces, asked)
  const traces = Number(/out of (\d+) explored/.exec(said)?.[1] ?? 0)
  const shortest = Number(/min=(\d+)/.exec(said)?.[1] ?? 0) - 1
  const isWhole = verdict === "holds" && traces > 0 && shortest === Number(values.steps)
  report(isWhole, `${main}: ${verdict} in ${traces} traces of at least ${shortest} steps`)
  if (isWhole) safeTraces += traces
  else console.log(said)
  for (const [name, before] of reached) {
    const count = Number(new RegExp(`\\b${name} was witnessed in (\\d+)`).exec(said)?.[1] ?? 0)
    reached.set(name, before + count)
  }
}
for (const [name, count] of reached) report(count > 0, `witness ${name}: in ${count} traces`)
let caught = 0
for (const [, name, invariant] of gaps) {
  const { said, verdict } = run(`gap${name}`, "5000", ["--invariant=mustBreak"])
  if (verdict === "breaks") caught += 1
  report(verdict === "breaks", `gap ${name}: ${invariant} ${verdict}`)
  if (verdict === "failed") console.log(said)
}
console.log(`safe ${safeTraces} traces, gaps ${caught} of ${gaps.length} caught`)
process.exitCode = failures === 0 && safes.length > 0 && gaps.length > 0 ? 0 : 1
