/**
 * The embedded example as its own tests would be: the same program on memory layers, with a key
 * service and a clock of the test's; then as a real process on LMDB. Imports what an embedder may.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import * as TestConsole from "effect/testing/TestConsole"
import { onTestFinished } from "vitest"
import * as Ledger from "../../examples/embedded/Ledger.ts"
import * as LedgerMachine from "../../examples/embedded/LedgerMachine.ts"
import { program } from "../../examples/embedded/Program.ts"
import {
  Cutover,
  EncryptionAdmin,
  KekProvider,
  KekUnavailable,
  KeyEncryptionKey,
  MemoryDisk,
  NodeName,
  Sealog
} from "../../src/index.ts"

/** A key service across a network: slow, and not always there. */
class KeyService {
  calls = 0
  private readonly failures: number
  private readonly keyByte: number
  private readonly latencyMillis: number

  constructor({ failures = 0, keyByte = 7, latencyMillis = 0 }) {
    this.failures = failures
    this.keyByte = keyByte
    this.latencyMillis = latencyMillis
  }

  readonly decrypt = Effect.suspend(() => {
    this.calls += 1
    const answer =
      this.calls > this.failures
        ? Effect.sync(() => Buffer.alloc(32, this.keyByte))
        : Effect.fail("no route to the key service" as const)
    return this.latencyMillis === 0 ? answer : Effect.delay(answer, this.latencyMillis)
  })
}

/** The provider an embedder writes for it: asynchronous, and patient for a while. */
const kekFrom = (service: KeyService): Layer.Layer<KekProvider> => {
  const source = "kms://keys/ledger"
  return Layer.succeed(KekProvider, {
    source,
    load: service.decrypt.pipe(
      Effect.retry({ schedule: Schedule.spaced("1 second"), times: 2 }),
      Effect.mapError(() => new KekUnavailable({ source, reason: "unreachable" })),
      Effect.map((bytes) => new KeyEncryptionKey(bytes))
    )
  })
}

const ledgerOn = (disk: MemoryDisk, service = new KeyService({})) =>
  Ledger.layer.pipe(
    Layer.provideMerge(Sealog.layerMemory({ disk, nodeName: NodeName.make("ledger-1") })),
    Layer.provide([LedgerMachine.layer, kekFrom(service)])
  )

const open = (account: string, balance: number) =>
  Effect.flatMap(Ledger.Ledger, (ledger) => ledger.open({ account, balance }))
const transfer = (id: string, amount: number) =>
  Effect.flatMap(Ledger.Ledger, (ledger) =>
    ledger.transfer({ id, from: "ada", to: "carl", amount })
  )
const balance = (account: string) =>
  Effect.flatMap(Ledger.Ledger, (ledger) => ledger.balance(account))
const enableStorage = Effect.flatMap(EncryptionAdmin, (admin) => admin.enableStorageEnvelope)
const cutOver = Effect.flatMap(Cutover, (cutover) => cutover.enableRaftEnvelope)

describe("the embedded example, in memory", () => {
  it.effect("does what it does on LMDB: the money stays, the log ends sealed", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const first = yield* Effect.provide(program, ledgerOn(disk))
      expect(first).toMatchObject({ opened: 8, before: 8000, after: 8000, phase: 2, bootCount: 1 })
      const lines = (yield* TestConsole.logLines).join("\n")
      expect(lines).toMatch(/phase 0: 8 accounts opened/)
      const cutoverIndex = Number(/phase 2 at index (\d+)/.exec(lines)?.[1])
      expect(first.lastIndex).toBeGreaterThan(cutoverIndex)
      for (const [index, bytes] of disk.entries) {
        if (index > cutoverIndex) expect(bytes.includes("Transfer"), `${index}`).toBe(false)
      }
      expect(disk.entries.get(3)?.includes("Open"), "the beginning is in clear").toBe(true)

      const second = yield* Effect.provide(program, ledgerOn(disk))
      expect(second).toMatchObject({ opened: 0, before: 8000, after: 8000, bootCount: 2 })
    })
  )

  it.effect("keeps what was acknowledged when the power goes, sealed or not", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const bring = Effect.gen(function* () {
        yield* open("ada", 100)
        yield* open("carl", 0)
        yield* transfer("plain", 10)
        yield* enableStorage
        yield* transfer("value-sealed", 10)
        yield* cutOver
        expect(yield* transfer("log-sealed", 10)).toBe(70)
      })
      yield* Effect.provide(bring, ledgerOn(disk))
      disk.crash({ keptCommits: 0 })
      const found = Effect.all([balance("ada"), balance("carl")])
      expect(yield* Effect.provide(found, ledgerOn(disk))).toEqual([70, 30])

      const wrongKey = ledgerOn(disk, new KeyService({ keyByte: 8 }))
      expect(yield* Effect.flip(Effect.provide(found, wrongKey))).toMatchObject({
        _tag: "KekMismatch"
      })
    })
  )

  it.effect("a proposal times out when the clock says so, and repeating it does it once", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      yield* Effect.andThen(open("ada", 100), open("carl", 0))
      disk.logWriteMillis = 60_000
      const stuck = yield* Effect.forkChild(Effect.flip(transfer("rent", 40)), {
        startImmediately: true
      })
      yield* TestClock.adjust("9999 millis")
      expect(stuck.pollUnsafe(), "it waits").toBeUndefined()
      yield* TestClock.adjust("1 millis")
      expect(yield* Fiber.join(stuck)).toMatchObject({
        _tag: "ProposalTimedOut",
        timeoutMillis: 10_000
      })
      disk.logWriteMillis = 0
      yield* TestClock.adjust("60 seconds")
      expect(yield* transfer("rent", 40), "what is left, as the first time").toBe(60)
      expect(yield* balance("carl")).toBe(40)
    }).pipe(Effect.provide(ledgerOn(disk)))
  })

  it.effect("refusals are typed and change nothing", () =>
    Effect.gen(function* () {
      yield* open("ada", 5)
      expect(yield* Effect.flip(open("ada", 7))).toBeInstanceOf(LedgerMachine.AccountExists)
      expect(yield* Effect.flip(transfer("a", 1))).toMatchObject({ account: "carl" })
      yield* open("carl", 0)
      expect(yield* Effect.flip(transfer("b", 6))).toMatchObject({
        _tag: "InsufficientFunds",
        balance: 5
      })
      expect(yield* Effect.flip(balance("emmy"))).toBeInstanceOf(LedgerMachine.AccountUnknown)
      expect(yield* Effect.flatMap(Ledger.Ledger, (ledger) => ledger.total)).toBe(5)
    }).pipe(Effect.provide(ledgerOn(new MemoryDisk())))
  )
})

describe("a key provider of the embedder's own", () => {
  it.effect("is waited for while its service is away", () =>
    Effect.gen(function* () {
      const service = new KeyService({ failures: 1, latencyMillis: 200 })
      const built = yield* Effect.forkScoped(Layer.build(ledgerOn(new MemoryDisk(), service)), {
        startImmediately: true
      })
      yield* TestClock.adjust("1399 millis")
      expect(service.calls).toBe(2)
      expect(built.pollUnsafe(), "the node does not start without its key").toBeUndefined()
      yield* TestClock.adjust("1 millis")
      const context = yield* Fiber.join(built)
      expect(yield* Effect.provideContext(enableStorage, context)).toMatchObject({
        wasAlreadyActive: false
      })
    })
  )

  it.effect("that gives up keeps the node from starting, with its reason", () =>
    Effect.gen(function* () {
      const service = new KeyService({ failures: 3, latencyMillis: 200 })
      const disk = new MemoryDisk()
      const start = Effect.void.pipe(Effect.provide(ledgerOn(disk, service)))
      const refused = yield* Effect.forkChild(Effect.flip(start), { startImmediately: true })
      yield* TestClock.adjust("10 seconds")
      expect(yield* Fiber.join(refused)).toMatchObject({
        _tag: "KekUnavailable",
        source: "kms://keys/ledger",
        reason: "unreachable"
      })
      expect(service.calls).toBe(3)
      expect(disk.isOpen, "everything was released").toBe(false)
    })
  )
})

describe("the embedded example, on LMDB", () => {
  it("runs twice on one directory and finds its money again", () => {
    const directory = mkdtempSync(join(tmpdir(), "sealog-embedded-"))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const main = join(import.meta.dirname, "../../examples/embedded/main.ts")
    const run = () => {
      const options = { encoding: "utf8", timeout: 40_000 } as const
      const { status, stderr, stdout } = spawnSync(
        process.execPath,
        [main, "--data-dir", directory],
        options
      )
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
      return stdout
    }
    const first = run()
    expect(first).toMatch(/opened 1 times, phase 0: 8 accounts opened, 0 found, 8000 in all/)
    expect(first).toMatch(/phase 1 at index \d+/)
    const cutoverIndex = /phase 2 at index (\d+)/.exec(first)?.[1]
    expect(cutoverIndex).toBeDefined()
    expect(first).toMatch(/400 transfers by 4 clients, \d+ refused for lack of funds; 8000 in all/)
    const second = run()
    expect(second).toMatch(/opened 2 times, phase 2: 0 accounts opened, 8 found, 8000 in all/)
    expect(second).toContain(`phase 2 since index ${cutoverIndex}:`)
    expect(second).toMatch(/8000 in all\n$/)
  }, 90_000)
})
