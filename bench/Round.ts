/** One round: so many callers put as fast as they are answered, until the time is over. */
import { performance } from "node:perf_hooks"
import * as Effect from "effect/Effect"
import type { Measured } from "./Node.ts"

export interface Load {
  readonly callers: number
  readonly millis: number
  readonly valueBytes: number
  /** Keys written over and over, so that the state stays as large as it is. */
  readonly keyCount: number
}

export interface RoundResult {
  readonly putsPerSecond: number
  readonly syncsPerPut: number
  /** CPU time of all threads for one put, in microseconds: less moved by other load than time is. */
  readonly cpuMicrosPerPut: number
  /** The part of it that is the main thread's: what bounds many callers. */
  readonly mainThreadMicrosPerPut: number
}

const keyBytes = 16

export const run = Effect.fnUntraced(function* (node: Measured, load: Load) {
  const value = Buffer.alloc(load.valueBytes, 0x5a)
  let puts = 0
  const entriesBefore = node.entryCount()
  const cpuBefore = process.cpuUsage()
  const mainThreadBefore = process.threadCpuUsage()
  const startedAt = performance.now()
  const until = startedAt + load.millis
  const caller = Effect.suspend(() => {
    const key = Buffer.alloc(keyBytes)
    key.writeUInt32BE(puts++ % load.keyCount)
    return node.kv.put(key, value)
  }).pipe(Effect.repeat({ while: () => performance.now() < until }))
  yield* Effect.all(
    Array.from({ length: load.callers }, () => caller),
    {
      concurrency: "unbounded",
      discard: true
    }
  )
  const seconds = (performance.now() - startedAt) / 1000
  const cpu = process.cpuUsage(cpuBefore)
  const mainThread = process.threadCpuUsage(mainThreadBefore)
  return {
    putsPerSecond: puts / seconds,
    syncsPerPut: (node.entryCount() - entriesBefore) / puts,
    cpuMicrosPerPut: microsOf(cpu) / puts,
    mainThreadMicrosPerPut: microsOf(mainThread) / puts
  } satisfies RoundResult
})

const microsOf = ({ system, user }: NodeJS.CpuUsage) => system + user
