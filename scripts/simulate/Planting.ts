/**
 * Searches, for each planted bug, the first seed that catches it and is quiet without it, on as many
 * threads as asked for; writes what is found into `test/simulation/PlantedBugSeeds.ts`, which the tests
 * try first.
 */
import { writeFileSync } from "node:fs"
import type { Caught } from "../../test/simulation/Catching.ts"
import { seeds as known } from "../../test/simulation/PlantedBugSeeds.ts"
import * as PlantedBugs from "../../test/simulation/PlantedBugs.ts"
import { LivingThread } from "./LivingThread.ts"
import type { Task } from "./PlantingWorker.ts"

export interface Options {
  /** Where the search begins. */
  readonly seed: number
  readonly nodes: number
  readonly workers: number
  /** One bug alone. */
  readonly bug: string | undefined
  readonly seedsMax: number
}

const table = new URL("../../test/simulation/PlantedBugSeeds.ts", import.meta.url)
const worker = new URL("./PlantingWorker.ts", import.meta.url)

/** Of one bug, before it is the turn of the next. */
const seedsPerTurn = 10

type Thread = LivingThread<Task, Caught | undefined>

export async function search(options: Options): Promise<boolean> {
  const { bug, nodes, workers } = options
  const wanted = Object.keys(PlantedBugs.all).filter((each) => bug === undefined || each === bug)
  const searching = new Searching(wanted, options)
  const threads: ReadonlyArray<Thread> = Array.from(
    { length: workers },
    () => new LivingThread(worker, { nodes })
  )
  try {
    await Promise.all(threads.map((thread) => searching.on(thread)))
  } finally {
    for (const thread of threads) thread.end()
  }
  console.log(`planted ${wanted.length}, caught ${searching.caught}`)
  return searching.caught === wanted.length
}

/** The seed that is known comes first; then all bugs in turn, so that a rare one holds up no other. */
class Searching {
  caught = 0
  private readonly options: Options
  private readonly found: Record<string, Caught>
  private readonly due: Array<Task>

  constructor(wanted: ReadonlyArray<string>, options: Options) {
    this.options = options
    const isPlanted = ([bug]: [string, unknown]) => PlantedBugs.all[bug] !== undefined
    this.found = Object.fromEntries(Object.entries(known).filter(isPlanted))
    this.due = wanted.map((bug) => {
      const before = this.found[bug]
      if (before?.nodes !== options.nodes) return this.turn(bug, options.seed)
      return { bug, from: before.seed, until: before.seed + 1 }
    })
  }

  async on(thread: Thread): Promise<void> {
    for (let task = this.due.shift(); task !== undefined; task = this.due.shift()) {
      const caught = await thread.answer(task)
      if (caught === undefined) this.survived(task)
      else this.note(task.bug, caught)
    }
  }

  private turn(bug: string, from: number): Task {
    const { seed, seedsMax } = this.options
    return { bug, from, until: Math.min(seed + seedsMax, from + seedsPerTurn) }
  }

  private survived({ bug, until }: Task): void {
    const { seed, seedsMax } = this.options
    const hasOwn = this.found[bug] !== undefined
    delete this.found[bug]
    // Its own seed was tried: now all others.
    const next = this.turn(bug, hasOwn ? seed : until)
    if (next.from < next.until) {
      this.due.push(next)
      return
    }
    this.write()
    console.log(`${bug}: not caught within ${seedsMax} seeds`)
  }

  private note(bug: string, caught: Caught): void {
    this.found[bug] = caught
    this.caught += 1
    this.write()
    console.log(`${bug}: seed ${caught.seed} of ${caught.nodes} nodes, ${caught.invariant}`)
  }

  private write(): void {
    writeFileSync(table, text(this.found))
  }
}

/** In the order in which they are planted. */
const text = (found: Record<string, Caught>): string => {
  const rows = Object.keys(PlantedBugs.all).flatMap((bug) => {
    const caught = found[bug]
    if (caught === undefined) return []
    const { invariant, nodes, seed } = caught
    return `  ${bug}: { seed: ${seed}, nodes: ${nodes}, invariant: "${invariant}" }`
  })
  return [
    "/** Which seed caught which planted bug last; written by `npm run -s simulate -- --planted`. */",
    'import type { Caught } from "./Catching.ts"',
    "",
    "export const seeds: Readonly<Record<string, Caught>> = {",
    rows.join(",\n"),
    "}",
    ""
  ].join("\n")
}
