/**
 * Run under strace: a node in a directory that does not exist yet, through all phases, with clients
 * that write at once, and closed and opened again twice. Every acknowledgement is a line in the file of
 * marks, so that the trace shows it among the writes and syncs. Ends with code 0 when all is written.
 *
 * `node ProcessPowerLossRun.ts <directory> <marks file> <seed> <writes of a client>`
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

const [directory, marksFile, seed, writesPerClient] = process.argv.slice(2)
const clientCount = 8
/** Few, so that they are overwritten and deleted. */
const keyCount = 60
const smallBytes = 600
const largeBytes = 65_536
const largeShare = 0.08
const deleteShare = 0.2

type Services = Layer.Success<ReturnType<typeof PowerLossNode.layer>>

const numbers = seededNumbers(Number(seed))
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

const write = Effect.gen(function* () {
  const store = yield* KvStore
  const patience = yield* Patience.make
  const key = `key-${numbers.below(keyCount)}`
  if (numbers.next() < deleteShare) {
    const answer = yield* patience.duringCutover(store.delete(Buffer.from(key)))
    return yield* mark({ _tag: "Deleted", key, ...answer })
  }
  const value = valueOf(numbers.below(numbers.next() < largeShare ? largeBytes : smallBytes))
  const { revision } = yield* patience.duringCutover(store.put(Buffer.from(key), value))
  yield* mark({ _tag: "Put", key, digest: crc32(value), revision })
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

const open = <A, E>(part: Effect.Effect<A, E, Services>) =>
  mark({ _tag: "Opening" }).pipe(
    Effect.andThen(Effect.provide(Effect.andThen(opened, part), PowerLossNode.layer(directory!))),
    Effect.runPromise
  )

await open(Effect.all([client, whileClientsWrite(enable), clients]))
await open(Effect.all([client, whileClientsWrite(cut), clients]))
await open(clients)
