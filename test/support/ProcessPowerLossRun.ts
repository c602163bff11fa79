/**
 * Run under strace: one part of the life of a node, with clients that write at once. Every
 * acknowledgement is a line in the file of marks, so that the trace shows it among the writes and syncs.
 *
 * The parts, in order: phases 0 and 1 in a directory that does not exist yet; the cutover, then killed
 * while clients write; phase 2 on what the kill has left, and killed again; phase 2, closed in good
 * order. So one opening finds a state that was flushed, and two replay the log.
 *
 * `node ProcessPowerLossRun.ts <directory> <marks file> <seed> <writes of a client> <part>`
 */
import { openSync, writeSync } from "node:fs"
import { crc32 } from "node:zlib"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Mark from "../../scripts/power-loss/Mark.ts"
import * as Patience from "../../src/layers/Patience.ts"
import { KvStore } from "../../src/services/KvStore.ts"
import { Opening } from "../../src/services/Opening.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { cutOver, enableStorage, ready } from "./NodeCalls.ts"
import * as PowerLossNode from "./PowerLossNode.ts"
import { seededNumbers } from "./SeededNumbers.ts"

const [directory, marksFile, seed, writesPerClient, part] = process.argv.slice(2)
const clientCount = 8
/** Few, so that they are overwritten and deleted. */
const keyCount = 60
const smallBytes = 600
const largeBytes = 65_536
const largeShare = 0.08
const deleteShare = 0.2
/** In some runs, at once: more than one entry, one run of entries and one commit of the state hold. */
const burstCount = 96
const hasBurst = Number(seed) % 4 === 0

type Services = Layer.Success<ReturnType<typeof PowerLossNode.layer>>

const numbers = seededNumbers(4 * Number(seed) + Number(part))
const marksDescriptor = openSync(marksFile!, "a")
const mark = (line: Mark.Mark) =>
  Effect.sync(() => {
    writeSync(marksDescriptor, Mark.encode(line))
  })

const valueOf = (size: number): Buffer => {
  const bytes = Buffer.allocUnsafeSlow(size)
  for (let at = 0; at < size; at++) bytes[at] = numbers.below(256)
  return bytes
}

const keyOf = (number: number) => `key-${number}`

const put = Effect.fnUntraced(function* (key: string, size: number) {
  const store = yield* KvStore
  const patience = yield* Patience.make
  const value = valueOf(size)
  const { revision } = yield* patience.duringCutover(store.put(Buffer.from(key), value))
  yield* mark({ _tag: "Put", key, digest: crc32(value), revision })
})

const write = Effect.gen(function* () {
  const key = keyOf(numbers.below(keyCount))
  if (numbers.next() >= deleteShare) {
    return yield* put(key, numbers.below(numbers.next() < largeShare ? largeBytes : smallBytes))
  }
  const store = yield* KvStore
  const patience = yield* Patience.make
  const answer = yield* patience.duringCutover(store.delete(Buffer.from(key)))
  yield* mark({ _tag: "Deleted", key, ...answer })
})

const times = <A, E, R>(count: number, effect: Effect.Effect<A, E, R>) =>
  Effect.forEach(Array.from({ length: count }), () => effect, { discard: true })

const client = times(Number(writesPerClient), write)
const clients = Effect.all(
  Array.from({ length: clientCount }, () => client),
  { concurrency: "unbounded", discard: true }
)

/** The administrator comes when the clients are busy. */
const whileClientsWrite = <A, E, R>(change: Effect.Effect<A, E, R>) =>
  Effect.all([clients, Effect.andThen(times(2, write), change)], {
    concurrency: "unbounded",
    discard: true
  })

const enable = Effect.flatMap(enableStorage, ({ index }) =>
  mark({ _tag: "StorageEnvelope", index })
)
const cut = Effect.flatMap(cutOver, ({ cutoverIndex: index }) => mark({ _tag: "CutOver", index }))

const opened = Effect.gen(function* () {
  yield* ready
  const { bootCount, clusterId } = yield* Opening
  const { term } = (yield* RaftEngine).status()
  yield* mark({ _tag: "Opened", bootCount, clusterId, term })
})

const burst = Effect.forEach(
  Array.from({ length: hasBurst ? burstCount : 0 }, (_, number) => keyOf(number % keyCount)),
  (key) => put(key, largeBytes),
  { concurrency: "unbounded", discard: true }
)

/** The others go on writing when it comes. */
const kill = Effect.sync(() => process.kill(process.pid, "SIGKILL"))

const parts = [
  () => Effect.all([client, whileClientsWrite(enable), clients]),
  () => Effect.all([client, whileClientsWrite(cut), whileClientsWrite(kill)]),
  () => Effect.all([clients, burst, whileClientsWrite(kill)]),
  () => clients
]

const life: Effect.Effect<unknown, unknown, Services> = parts[Number(part)]!()
await mark({ _tag: "Opening" }).pipe(
  Effect.andThen(Effect.provide(Effect.andThen(opened, life), PowerLossNode.layer(directory!))),
  Effect.runPromise
)
