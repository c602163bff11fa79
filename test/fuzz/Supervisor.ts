/**
 * Runs decoders in a thread of their own, one after the other, and watches that each input gets its
 * verdict: a thread that hangs is ended, one that runs out of memory has crashed, and both go on with the
 * next input.
 */
import { Worker } from "node:worker_threads"
import type * as Campaign from "./Campaign.ts"

export interface Assignment {
  readonly decoder: string
  readonly seed: number
  readonly inputs: number
  readonly skip: ReadonlyArray<number>
  /** Counter of inputs, number and length of the current one; then its bytes. */
  readonly shared: SharedArrayBuffer
}

export interface Options {
  readonly seed: number
  /** Of each decoder. */
  readonly inputs: number
  /** An input without a verdict for so long hangs. */
  readonly hangMillis: number
}

const sharedInputBytes = 1024
const memoryMebibytesMax = 1024
/** Of one decoder; then it is given up. */
const endingsMax = 3

export async function run(decoder: string, options: Options): Promise<Campaign.Outcome> {
  const endings: Array<Campaign.Finding> = []
  for (;;) {
    const skip = endings.map(({ number }) => number)
    const ended = await runOnce({ decoder, skip, ...options })
    if ("findings" in ended) return { ...ended, findings: [...endings, ...ended.findings] }
    endings.push(ended)
    if (endings.length === endingsMax) {
      return { decoder, inputs: ended.number + 1, accepted: 0, reached: 0, findings: endings }
    }
  }
}

/** Until the end, or until an input that has no verdict. */
function runOnce({
  hangMillis,
  ...assigned
}: Options & Omit<Assignment, "shared">): Promise<Campaign.Outcome | Campaign.Finding> {
  const shared = new SharedArrayBuffer(12 + sharedInputBytes)
  const state = new Int32Array(shared, 0, 3)
  const worker = new Worker(new URL("./FuzzWorker.ts", import.meta.url), {
    workerData: { ...assigned, shared } satisfies Assignment,
    resourceLimits: { maxOldGenerationSizeMb: memoryMebibytesMax }
  })
  return new Promise((resolve, reject) => {
    let seen = -1
    const found = (kind: Campaign.Kind, says: string): Campaign.Finding => {
      const hex = Buffer.from(new Uint8Array(shared, 12, state[2]).slice()).toString("hex")
      return { decoder: assigned.decoder, kind, number: state[1]!, says, hex }
    }
    const end = (outcome: Campaign.Outcome | Campaign.Finding) => {
      clearInterval(watch)
      void worker.terminate().then(() => resolve(outcome))
    }
    const watch = setInterval(() => {
      const counted = Atomics.load(state, 0)
      // Before the first input it is not the decoder that takes its time.
      if (counted > 0 && counted === seen) end(found("hang", `no verdict in ${hangMillis} ms`))
      seen = counted
    }, hangMillis)
    worker.once("message", end)
    worker.once("error", (cause: Error) => {
      if (Atomics.load(state, 0) > 0)
        return end(found("crash", `ended the thread: ${cause.message}`))
      clearInterval(watch)
      reject(cause)
    })
  })
}
