/** What runs in a thread of a campaign: each seed it is told, twice unless it is told otherwise. */
import { parentPort, workerData } from "node:worker_threads"
import * as Program from "../../test/simulation/Program.ts"
import * as Shrink from "../../test/simulation/Shrink.ts"
import { simulate } from "../../test/simulation/Simulation.ts"

export interface Finding {
  readonly seed: number
  readonly violation: string | undefined
  readonly isMismatch: boolean
  /** Positions of the faults that are enough for the violation. */
  readonly kept: ReadonlyArray<number>
  readonly reached: ReadonlyArray<readonly [what: string, count: number]>
  readonly acknowledged: number
  readonly reads: number
}

export interface Assignment {
  readonly nodes: number
  /** Whether a seed is the same twice is not looked at. */
  readonly isOnce?: boolean
}

function findingOf(seed: number, { isOnce, nodes }: Assignment): Finding {
  const program = Program.drawn(seed, nodes)
  const { acknowledged, reached, reads, traceHash, violation } = simulate(program)
  const isMismatch = isOnce !== true && simulate(program).traceHash !== traceHash
  const fails = (fewer: Program.Program) => simulate(fewer).violation !== undefined
  const kept = violation === undefined ? [] : Shrink.shrink(program, fails)
  return { seed, violation, isMismatch, kept, reached: [...reached], acknowledged, reads }
}

// Errors are answers here, by the thousand; a replay of the seed shows where they come from.
Error.stackTraceLimit = 0

const assignment = workerData as Assignment
parentPort?.on("message", (seed: number) => parentPort?.postMessage(findingOf(seed, assignment)))
