/** A thread that does one task after another: the longer it lives, the faster its code is. */
import { Worker } from "node:worker_threads"

/** Most of what a run leaves behind is garbage soon: with more room it is collected less often. */
const maxYoungGenerationSizeMb = 64

export class LivingThread<Task, Answer> {
  private readonly worker: Worker
  /** Rejects if the thread ends by itself. */
  private readonly ended: Promise<never>

  /** `workerData`: what all its tasks have in common. */
  constructor(script: URL, workerData: unknown) {
    this.worker = new Worker(script, { workerData, resourceLimits: { maxYoungGenerationSizeMb } })
    this.ended = new Promise((_, reject) => {
      this.worker.once("error", reject)
      this.worker.once("exit", (code) => reject(new Error(`a thread ended with ${code}`)))
    })
    // It is told to whoever waits for an answer.
    this.ended.catch(() => {})
  }

  /** One at a time. */
  answer(task: Task): Promise<Answer> {
    const answer = new Promise<Answer>((resolve) => this.worker.once("message", resolve))
    this.worker.postMessage(task)
    return Promise.race([answer, this.ended])
  }

  end(): void {
    this.worker.terminate()
  }
}
