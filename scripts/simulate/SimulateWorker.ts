/** What runs in a thread of a campaign: each seed it is told, with what all of them have in common. */
import { parentPort, workerData } from "node:worker_threads"
import * as Seed from "./Seed.ts"

export type Assignment = Omit<Seed.Asked, "seed">

// Errors are answers here, by the thousand; a replay of the seed shows where they come from.
Error.stackTraceLimit = 0

const assignment = workerData as Assignment
parentPort?.on("message", (seed: number) =>
  parentPort?.postMessage(Seed.findingOf({ ...assignment, seed }))
)
