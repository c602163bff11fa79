/**
 * Traces of the model for the real core: written by Quint, followed by the core move by move, and, of a few
 * that show much, kept for `npm test`.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { departureFrom } from "../../test/spec/CoreCluster.ts"
import * as ModelTrace from "../../test/spec/ModelTrace.ts"
import * as Quint from "./Quint.ts"

const kept = join(import.meta.dirname, "..", "..", "test", "spec", "traces.txt")
const keptMax = 40

export interface Asked {
  readonly variant: string
  readonly count: number
  readonly steps: string
  readonly seed: string
}

/** Of one variant, all of its traces. */
export async function made({ count, seed, steps, variant }: Asked) {
  const directory = mkdtempSync(join(tmpdir(), "sealog-traces-"))
  try {
    const rest = [`--n-traces=${count}`, `--out-itf=${join(directory, "{seq}.itf.json")}`]
    const { text } = await Quint.run({ main: variant, samples: count, steps, seed, rest })
    const files = readdirSync(directory)
    if (files.length !== count) throw new Error(`${files.length} of ${count} traces\n${text}`)
    return files.map((file) =>
      ModelTrace.ofItf(
        `${variant} seed ${seed} number ${Number.parseInt(file, 10)}`,
        JSON.parse(readFileSync(join(directory, file), "utf8"))
      )
    )
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** How the core departs from them, trace by trace. */
export const departures = (traces: ReadonlyArray<ModelTrace.Trace>): ReadonlyArray<string> =>
  traces.flatMap((trace) => departureFrom(trace) ?? [])

/** What a trace shows: each move with what it has made of a node, numbers aside. */
const sightsOf = ({ steps }: ModelTrace.Trace): ReadonlySet<string> =>
  new Set(
    steps.flatMap(({ changed, move: { name } }) =>
      [...changed.values()].map((text) => `${name} ${text.replaceAll(/\d+|\[[^\]]*\]/g, "")}`)
    )
  )

/** Keeps those that show most, each beside the ones before it. */
export function keep(traces: ReadonlyArray<ModelTrace.Trace>): string {
  const all = new Set(traces.flatMap((trace) => [...sightsOf(trace)]))
  const shown = new Set<string>()
  const rest = new Map(traces.map((trace) => [trace, sightsOf(trace)]))
  const chosen: Array<ModelTrace.Trace> = []
  const newIn = (trace: ModelTrace.Trace) =>
    [...rest.get(trace)!].filter((sight) => !shown.has(sight)).length
  while (chosen.length < keptMax && rest.size > 0) {
    const best = [...rest.keys()].reduce((a, b) => (newIn(b) > newIn(a) ? b : a))
    for (const sight of rest.get(best)!) shown.add(sight)
    rest.delete(best)
    chosen.push(best)
  }
  writeFileSync(kept, `${chosen.map(ModelTrace.format).join("\n")}\n`)
  return `kept ${chosen.length} traces, which show ${shown.size} of ${all.size} sights`
}
