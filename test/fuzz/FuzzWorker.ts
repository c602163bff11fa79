/** The thread in which decoders run: it may hang or run out of memory, and its supervisor sees it. */
import { parentPort, workerData } from "node:worker_threads"
import * as Campaign from "./Campaign.ts"
import * as DecoderList from "./DecoderList.ts"
import * as PlantedDecoders from "./PlantedDecoders.ts"
import type { Assignment } from "./Supervisor.ts"

const { decoder: name, shared, ...options } = workerData as Assignment
const state = new Int32Array(shared, 0, 3)
const input = new Uint8Array(shared, 12)

const all = [...DecoderList.decoders, ...PlantedDecoders.decoders]
const decoder = all.find((each) => each.name === name)
if (decoder === undefined) throw new Error(`no decoder is called ${name}`)
const outcome = Campaign.run(decoder, {
  ...options,
  watch: (number, bytes) => {
    input.set(bytes.subarray(0, input.length))
    state[2] = Math.min(bytes.length, input.length)
    state[1] = number
    Atomics.add(state, 0, 1)
  }
})
parentPort?.postMessage(outcome)
