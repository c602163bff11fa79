/**
 * Runs Quint on the model of the cutover, and tells what it said.
 *
 * It is installed beside the model at its first run, by the lock file there, so that `npm ci` stays
 * light.
 */
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
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

/** It says it to a file: Quint exits without waiting for a pipe, whose reader would miss the end. */
export async function run({ main, rest, samples, seed, steps }: Options): Promise<Said> {
  const options = ["--backend=typescript", "--verbosity=2", `--main=${main}`]
  const bounds = [`--max-samples=${samples}`, `--max-steps=${steps}`, `--seed=${farApart(seed)}`]
  const directory = mkdtempSync(join(tmpdir(), "sealog-quint-"))
  try {
    const path = join(directory, "said")
    const said = openSync(path, "w")
    const arguments_ = ["run", model, ...options, ...bounds, ...rest]
    await once(spawn(quint, arguments_, { stdio: ["ignore", said, said] }), "close")
    closeSync(said)
    const text = readFileSync(path, "utf8")
    return { text, verdict: verdictOf(text) }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/**
 * Quint counts its draws on from the seed, and a trace begins where the one before has ended. So runs of
 * neighbouring seeds fall into step, and have nearly all of their traces in common.
 */
export const farApart = (seed: string): bigint => 1n + (BigInt(seed) - 1n) * 2n ** 32n

/** A run that found a violation, one that found none, or one that did not come so far. */
function verdictOf(text: string): Said["verdict"] {
  if (text.includes("[ok]")) return "holds"
  return text.includes("[violation]") ? "breaks" : "failed"
}
