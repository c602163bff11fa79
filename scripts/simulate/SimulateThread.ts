/** A thread that runs one seed after another: the longer it lives, the faster its code is. */
import { Worker } from "node:worker_threads"
import type { Assignment, Finding } from "./SimulateWorker.ts"

/** Most of what a run leaves behind is garbage soon: with more room it is collected less often. */
const maxYoungGenerationSizeMb = 64

export class SimulateThread {
  private readonly worker: Worker
  /** Rejects if the thread ends by itself. */
  private readonly ended: Promise<never>

  constructor(assignment: Assignment) {
    this.worker = new Worker(new URL("./SimulateWorker.ts", import.meta.url), {
      workerData: assignment,
      resourceLimits: { maxYoungGenerationSizeMb }
    })
    this.ended = new Promise((_, reject) => {
      this.worker.once("error", reject)
      this.worker.once("exit", (code) => reject(new Error(`a thread ended with ${code}`)))
    })
    // It is told to whoever waits for a seed.
    this.ended.catch(() => {})
  }

  /** One at a time. */
  findingOf(seed: number): Promise<Finding> {
    const finding = new Promise<Finding>((resolve) => this.worker.once("message", resolve))
    this.worker.postMessage(seed)
    return Promise.race([finding, this.ended])
  }

  end(): void {
    this.worker.terminate()
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
      findings.push(await thread.findingOf(seeds[at]!))
    }
  }
  await Promise.all(threads.map(work))
  return findings.toSorted((a, b) => a.seed - b.seed)
}
