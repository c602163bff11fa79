/** What runs in a thread of a search for planted bugs: some seeds of one bug at a time. */
import { parentPort, workerData } from "node:worker_threads"
import * as Catching from "../../test/simulation/Catching.ts"

/** The seeds of one bug from one to another. */
export interface Task {
  readonly bug: string
  readonly from: number
  readonly until: number
}

// Errors are answers here, by the thousand.
Error.stackTraceLimit = 0

const { nodes } = workerData as { nodes: number }
parentPort?.on("message", ({ bug, from, until }: Task) =>
  parentPort?.postMessage(Catching.search(bug, { from, until, nodes }))
)
