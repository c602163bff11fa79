/**
 * One side of the snapshot bench, a process of its own under a small heap: fills a store, sends its
 * snapshot through a local socket, or takes one in and installs it. Prints one line of JSON.
 */
import { readFileSync } from "node:fs"
import { connect, createServer, type Socket } from "node:net"
import { performance } from "node:perf_hooks"
import * as NodeStream from "@effect/platform-node/NodeStream"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as SnapshotInstall from "../src/layers/SnapshotInstall.ts"
import * as SnapshotSource from "../src/layers/SnapshotSource.ts"
import { StateStore } from "../src/services/StateStore.ts"
import { fill, groupId, identity, stateAt } from "../test/support/SnapshotStates.ts"
import { storesIn } from "../test/support/SnapshotStores.ts"

export const valueBytes = 8 * 1024

/** What a process used; memory in bytes. */
export interface Report {
  readonly role: string
  readonly bytes: number
  readonly millis: number
  /** Of the JavaScript heap and of buffers outside it. */
  readonly heapPeak: number
  /** The same after collections, less what it was at the first piece. Only if it may collect. */
  readonly heldGrowth: number | undefined
  /** All memory, and the part of it that is not the mapped file. */
  readonly residentPeak: number
  readonly anonymousPeak: number
}

const anonymousBytes = (): number => {
  const found = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))
  return Number(found?.[1] ?? 0) * 1024
}

const heapBytes = (): number => {
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Watches what passes, and the memory with every piece. */
class Meter {
  private readonly role: string
  private bytes = 0
  private heapPeak = 0
  private heldBefore: number | undefined = undefined
  private heldGrowth: number | undefined = undefined
  private nextCollection = 0
  private anonymousPeak = 0
  private startedAt = 0

  constructor(role: string) {
    this.role = role
  }

  passed(piece: Uint8Array): void {
    if (this.bytes === 0) this.startedAt = performance.now()
    this.bytes += piece.length
    this.heapPeak = Math.max(this.heapPeak, heapBytes())
    this.collect()
    this.anonymousPeak = Math.max(this.anonymousPeak, anonymousBytes())
  }

  /** With `--expose-gc`. */
  private collect(): void {
    if (globalThis.gc === undefined || this.bytes < this.nextCollection) return
    this.nextCollection += 4 * 1024 ** 2
    globalThis.gc()
    this.heldBefore ??= heapBytes()
    this.heldGrowth = Math.max(this.heldGrowth ?? 0, heapBytes() - this.heldBefore)
  }

  report(): Report {
    const { anonymousPeak, bytes, heapPeak, heldGrowth, role } = this
    const millis = performance.now() - this.startedAt
    const residentPeak = process.resourceUsage().maxRSS * 1024
    return { role, bytes, millis, heapPeak, heldGrowth, residentPeak, anonymousPeak }
  }
}

const say = (line: unknown) =>
  Effect.sync(() => void process.stdout.write(`${JSON.stringify(line)}\n`))

const write = (socket: Socket, piece: Uint8Array) =>
  Effect.callback<void, Error>((resume) => {
    socket.write(piece, (error) =>
      resume(error === undefined || error === null ? Effect.void : Effect.fail(error))
    )
  })

const send = (address: string) =>
  Effect.gen(function* () {
    const meter = new Meter("sender")
    const source = yield* SnapshotSource.open(groupId)
    const socket = yield* Effect.acquireRelease(
      Effect.sync(() => connect(address)),
      (open) => Effect.sync(() => open.end())
    )
    yield* Stream.runForEach(source!.bytes, (piece) => {
      meter.passed(piece)
      return write(socket, piece)
    })
    yield* say(meter.report())
  }).pipe(Effect.scoped)

const receive = (address: string) =>
  Effect.gen(function* () {
    const meter = new Meter("receiver")
    const socket = yield* Effect.callback<Socket>((resume) => {
      const server = createServer((accepted) => {
        server.close()
        resume(Effect.succeed(accepted))
      })
      server.listen(address, () => process.stdout.write("listening\n"))
    })
    const bytes = NodeStream.fromReadable<Uint8Array, Error>({
      evaluate: () => socket,
      onError: (cause) => new Error("the socket failed", { cause })
    })
    const metered = Stream.map(bytes, (piece) => {
      meter.passed(piece)
      return piece
    })
    const received = yield* SnapshotInstall.receive(identity, metered)
    yield* SnapshotInstall.install(received)
    yield* say(meter.report())
  }).pipe(Effect.scoped)

/** Every value of the store is there. */
const count = Effect.gen(function* () {
  const { reader } = yield* StateStore
  let from: Uint8Array | undefined
  let rows = 0
  for (;;) {
    const page = reader.range("kv", { from, limit: 512 })
    const last = page.at(-1)
    if (last === undefined) break
    rows += page.length
    from = Buffer.concat([last.key, Buffer.of(0)])
  }
  yield* say({ rows })
})

const [role, directory, argument] = process.argv.slice(2) as [string, string, string]

const program = {
  fill: () =>
    fill(stateAt(9, 3), { count: (Number(argument) * 1024 ** 2) / valueBytes, valueBytes }),
  send: () => send(argument),
  receive: () => receive(argument),
  count: () => count
}[role as "fill" | "send" | "receive" | "count"]

if (program !== undefined) {
  await Effect.runPromise(program().pipe(Effect.provide(storesIn(directory))))
}
