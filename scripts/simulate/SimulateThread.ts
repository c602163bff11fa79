/** A thread that runs one seed after another, and what several of them find. */
import { LivingThread } from "./LivingThread.ts"
import type { Finding } from "./Seed.ts"
import type { Assignment } from "./SimulateWorker.ts"

export class SimulateThread extends LivingThread<number, Finding> {
  constructor(assignment: Assignment) {
    super(new URL("./SimulateWorker.ts", import.meta.url), assignment)
  }
}

/** Of these seeds, in their order: whichever thread is free takes the next. */
export async function findingsOf(
  seeds: ReadonlyArray<number>,
  threads: ReadonlyArray<SimulateThread>
): Promise<ReadonlyArray<Finding>> {
  const findings: Array<Finding> = []
  let next = 0
  const work = async (thread: SimulateThread) => {
    for (let at = next++; at < seeds.length; at = next++) {
      findings.push(await thread.answer(seeds[at]!))
    }
  }
  await Promise.all(threads.map(work))
  return findings.toSorted((a, b) => a.seed - b.seed)
}
