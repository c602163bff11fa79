/**
 * Runs Quint on the model of the cutover, and tells what it said.
 *
 * It is installed beside the model at its first run, by the lock file there, so that `npm ci` stays
 * light.
 */
import { execFile, spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"

const directory = join(import.meta.dirname, "..", "..", "spec")
const quint = join(directory, "node_modules", ".bin", "quint")
export const model = join(directory, "cutover.qnt")

export function install(): void {
  if (existsSync(quint)) return
  spawnSync("npm", ["ci", "--ignore-scripts", "--prefix", directory], { stdio: "ignore" })
}

export interface Options {
  /** The variant of the model. */
  readonly main: string
  readonly samples: number
  readonly steps: string
  readonly seed: string
  readonly rest: ReadonlyArray<string>
}

export interface Said {
  readonly text: string
  readonly verdict: "holds" | "breaks" | "failed"
}

export const run = ({ main, rest, samples, seed, steps }: Options): Promise<Said> => {
  const options = ["--backend=typescript", "--verbosity=2", `--main=${main}`]
  const bounds = [`--max-samples=${samples}`, `--max-steps=${steps}`, `--seed=${seed}`]
  return new Promise((resolve) => {
    const arguments_ = ["run", model, ...options, ...bounds, ...rest]
    execFile(quint, arguments_, { maxBuffer: 2 ** 28 }, (_error, stdout, stderr) => {
      const text = stdout + stderr
      resolve({ text, verdict: verdictOf(text) })
    })
  })
}

/** A run that found a violation, one that found none, or one that did not come so far. */
function verdictOf(text: string): Said["verdict"] {
  if (text.includes("[ok]")) return "holds"
  return text.includes("[violation]") ? "breaks" : "failed"
}
