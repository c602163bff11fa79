/**
 * What happens to the leader at which step of the cutover: every pair in turn, by the seed.
 *
 * 27 seeds that follow each other have each step with each fault once, and 9 of them every step and every
 * fault. Proof: `test/e2e/NemesisPlan.test.ts`.
 */
import { seededNumbers } from "../../test/support/SeededNumbers.ts"
import { type Step, steps } from "./Failpoint.ts"

/**
 * SIGKILL; SIGSTOP until another node leads, then SIGCONT; or what it sends to other nodes and they to it is
 * held or lost, from that step on.
 */
export const faults = ["kill", "pause", "partition"] as const
export type Fault = (typeof faults)[number]

export const cellCount = steps.length * faults.length

export interface CutoverPlan {
  readonly seed: number
  readonly nodeCount: 3 | 5
  readonly step: Step
  readonly fault: Fault
  /** How long it goes on after the others take writes again. */
  readonly millis: number
  /** Of a partition. */
  readonly isLost: boolean
}

export function make(seed: number, nodeCount?: 3 | 5): CutoverPlan {
  const numbers = seededNumbers(seed)
  const round = Math.floor(seed / steps.length)
  return {
    seed,
    nodeCount: nodeCount ?? (numbers.next() < 0.8 ? 3 : 5),
    step: steps[seed % steps.length]!,
    fault: faults[(seed + round) % faults.length]!,
    millis: numbers.below(1_000),
    isLost: numbers.next() < 0.5
  }
}

export const describe = ({ fault, nodeCount, seed, step }: CutoverPlan): string =>
  `seed ${seed}, ${nodeCount} nodes: ${fault} of the leader at ${step}`
