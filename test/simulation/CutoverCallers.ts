/**
 * A node under a simulated scheduler, clock and disk whose operator is always interrupted: by a hand,
 * by tiny time-outs, by a stop, by a crash, wherever the seed draws it; while users write.
 *
 * After every step of the scheduler: a barrier that is open while the marker is unresolved, without the
 * flag after it, or shut for longer than the disk takes, is a failure; so is an answer that is not so.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { expect } from "vitest"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { Applier } from "../../src/services/Applier.ts"
import { Cutover, type CutoverDone, type CutoverFailure } from "../../src/services/Cutover.ts"
import { EncryptionAdmin } from "../../src/services/EncryptionAdmin.ts"
import { KvStore } from "../../src/services/KvStore.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { WrapFlag } from "../../src/services/WrapFlag.ts"
import { memoryNode } from "../support/MemoryNode.ts"
import { checkSealedLog, firstMarker } from "./SealedLogCheck.ts"
import { Sim } from "./Sim.ts"

export const steps = ["preflight", "draining", "proposed", "durable"] as const
export const ways = ["interrupted", "timed out", "stopped", "crashed"] as const
export type Cell = `${(typeof steps)[number]}, ${(typeof ways)[number]}`

/** What an open node is looked at with. */
type Services = Layer.Success<ReturnType<typeof memoryNode>>
interface Open {
  readonly get: <I extends Services, S>(service: Context.Key<I, S>) => S
  readonly closedMillisMax: number
}

/** Looks at the node after every step. */
class WatchingSim extends Sim {
  node: Open | undefined = undefined
  isRivalThere = false
  broken: string | undefined = undefined
  private closedSince: number | undefined = undefined

  override scheduleTask(task: () => void): void {
    super.scheduleTask(() => {
      task()
      if (this.node !== undefined) this.broken ??= this.look(this.node)
    })
  }

  private look({ closedMillisMax, get }: Open): string | undefined {
    const now = this.currentTimeMillisUnsafe()
    const { sidecar } = get(Applier)
    const engine = get(RaftEngine)
    const isCutOver = sidecar.raftEnvelopeCutoverIndex !== 0
    if (get(QuiescenceBarrier).state().isClosed) {
      this.closedSince ??= now
      const closedMillis = now - this.closedSince
      if (get(Cutover).state()._tag === "Idle") return "shut without a run"
      return closedMillis > closedMillisMax ? `shut for ${closedMillis} ms` : undefined
    }
    this.closedSince = undefined
    if (get(Cutover).state()._tag !== "Idle") return "open in a run"
    if (isCutOver && !get(WrapFlag).isSet()) return "open after the marker without the flag"
    const isTakingIn = engine.intake()._tag === "Open"
    return isTakingIn && engine.markerCounts() && !isCutOver ? "opened early" : undefined
  }
}

interface World {
  readonly sim: WatchingSim
  readonly disk: MemoryDisk
  /** What was acknowledged last, and what was sent later without an answer, for each key. */
  readonly acknowledged: Map<string, string>
  readonly open: Map<string, Set<string>>
  readonly cells: Map<Cell, number>
  readonly answers: Map<string, number>
  cutoverIndex: number | undefined
  isCalling: boolean
}

const lives = 4
const writersPerLife = 3
const plainText = "value "

const writer = (world: World, life: number, name: number) =>
  Effect.gen(function* () {
    const store = yield* KvStore
    for (let at = 0; ; at++) {
      const key = `w${name}/${at % 3}`
      const value = `${plainText}${life}/${name}/${at}`
      const open = world.open.get(key) ?? new Set()
      world.open.set(key, open.add(value))
      const exit = yield* Effect.exit(store.put(Buffer.from(key), Buffer.from(value)))
      if (Exit.isSuccess(exit)) {
        world.acknowledged.set(key, value)
        world.open.set(key, new Set())
      }
      yield* Effect.sleep(world.sim.numbers.below(4))
    }
  })

type CutoverExit = Exit.Exit<CutoverDone, CutoverFailure>

/** Where the caller stands: what the cutover is at, and whether the disk has the marker. */
const stepOf = (world: World, node: Open): (typeof steps)[number] => {
  const state = node.get(Cutover).state()._tag
  if (state === "Idle") return "preflight"
  if (state === "Draining") return "draining"
  return firstMarker(world.disk) === undefined ? "proposed" : "durable"
}

const count = <K>(counts: Map<K, number>, key: K) => counts.set(key, (counts.get(key) ?? 0) + 1)

/** A moment: after some time, or at some step of the cutover if that comes before the time is over. */
const moment = (world: World, node: Open, millisMax: number) =>
  Effect.gen(function* () {
    const { numbers } = world.sim
    const millis = numbers.below(millisMax)
    if (numbers.below(3) === 0) return yield* Effect.sleep(millis)
    const step = steps[numbers.below(steps.length)]!
    const isThere = () => world.isCalling && stepOf(world, node) === step
    for (let waited = 0; waited < 2 * millisMax && !isThere(); waited++) yield* Effect.sleep(1)
    yield* Effect.sleep(numbers.below(4) / 2)
  })

/** One call, given up at some moment, or not. */
const call = Effect.fnUntraced(function* (world: World, node: Open, isInterrupted: boolean) {
  const before = firstMarker(world.disk)
  const wasInFlight = node.get(Cutover).state()._tag !== "Idle"
  world.sim.isRivalThere = false
  world.isCalling = true
  const fiber = yield* Effect.forkChild(node.get(Cutover).enableRaftEnvelope)
  if (isInterrupted) {
    yield* moment(world, node, 20)
    const isStill = fiber.pollUnsafe() === undefined
    const step = stepOf(world, node)
    yield* Fiber.interrupt(fiber)
    const exit = fiber.pollUnsafe()
    const isHit = isStill && exit !== undefined && Exit.hasInterrupts(exit)
    if (isHit && !wasInFlight && !world.sim.isRivalThere) {
      count(world.cells, `${step}, interrupted`)
    }
  }
  const exit = yield* Fiber.await(fiber)
  world.isCalling = false
  if (!Exit.hasInterrupts(exit)) told(world, node, { exit, before })
})

/** SPEC §12: what the caller is told is so. */
function told(
  world: World,
  node: Open,
  { before, exit }: { readonly exit: CutoverExit; readonly before: number | undefined }
): void {
  const after = firstMarker(world.disk)
  const state = node.get(Cutover).state()._tag
  if (Exit.isSuccess(exit)) {
    const { cutoverIndex } = exit.value
    count(world.answers, exit.value.wasAlreadyActive ? "already active" : "cut over")
    expect(world.cutoverIndex ?? cutoverIndex).toBe(cutoverIndex)
    expect(after).toBe(cutoverIndex)
    world.cutoverIndex = cutoverIndex
    return
  }
  const failure = Exit.findErrorOption(exit)
  const tag = failure._tag === "Some" ? failure.value._tag : "a bug"
  count(world.answers, tag)
  if (Exit.isFailure(exit) && tag === "a bug") throw new Error(Cause.pretty(exit.cause))
  if (tag === "CutoverInFlight") return
  if (tag === "CutoverOutcomeUnknown") {
    const step = after === undefined ? "proposed" : "durable"
    if (node.get(RaftEngine).intake()._tag === "Open") count(world.cells, `${step}, timed out`)
    return
  }
  if (world.sim.isRivalThere) return
  expect(after, `${tag}, and there is a marker that was not there before`).toBe(before)
  if (tag === "DrainTimedOut") count(world.cells, "draining, timed out")
  if (tag === "LeaderNotReady" && state === "Idle") count(world.cells, "preflight, timed out")
}

/** Time passes only while nobody is ready to run, so that nobody may spin. */
const ready = Effect.flatMap(RaftEngine, (engine) =>
  Effect.repeat(Effect.sleep(1), { while: () => engine.intake()._tag === "Shut" })
)

/** Somebody else who asks while a run is on, and disturbs nothing. */
const rival = (world: World, node: Open) =>
  Effect.gen(function* () {
    const { numbers } = world.sim
    for (;;) {
      yield* Effect.sleep(1 + numbers.below(30))
      if (node.get(Cutover).state()._tag === "Idle") continue
      world.sim.isRivalThere = true
      yield* Effect.exit(node.get(Cutover).enableRaftEnvelope)
    }
  })

const operator = (world: World, node: Open) =>
  Effect.gen(function* () {
    const { numbers } = world.sim
    yield* ready
    yield* Effect.exit(node.get(EncryptionAdmin).enableStorageEnvelope)
    while (node.get(Applier).sidecar.raftEnvelopeCutoverIndex === 0) {
      yield* call(world, node, numbers.below(5) > 0)
      yield* Effect.sleep(numbers.below(6))
    }
  })

/** One life of the node: from its start to a stop or a crash, with the operator in mid-flight. */
const life = (world: World, number: number) =>
  Effect.gen(function* () {
    const { disk, sim } = world
    const { numbers } = sim
    disk.logWriteMillis = 1 + numbers.below(12)
    const settings = {
      tickMillis: 20,
      drainTimeoutMillis: 2 + numbers.below(40),
      cutoverTimeoutMillis: 1 + numbers.below(12),
      registrationTimeoutMillis: 2 + numbers.below(60)
    }
    const scope = yield* Scope.make()
    const built = yield* Layer.buildWithScope(
      memoryNode({ disk, seed: 100 + number, settings }),
      scope
    )
    // The drain ends in time; then one write may be under way, and the marker is one more.
    const closedMillisMax = settings.drainTimeoutMillis + 3 * disk.logWriteMillis + 20
    const node: Open = { get: (service) => Context.get(built, service), closedMillisMax }
    const users = [...Array(writersPerLife).keys()].map((name) => writer(world, number, name))
    for (const user of users) yield* Effect.forkIn(Effect.provideContext(user, built), scope)
    yield* Effect.forkIn(rival(world, node), scope)
    sim.node = node
    const operating = yield* Effect.forkChild(Effect.provideContext(operator(world, node), built))
    yield* moment(world, node, 120)

    const isCrash = numbers.below(2) === 0
    if (world.isCalling) {
      count(world.cells, `${stepOf(world, node)}, ${isCrash ? "crashed" : "stopped"}`)
    }
    world.isCalling = false
    sim.node = undefined
    if (isCrash) {
      disk.crash({ keptCommits: numbers.below(disk.unflushedCommits + 1) })
      disk.isOpen = true
    }
    yield* Scope.close(scope, Exit.void)
    disk.isOpen = false
    yield* Fiber.interrupt(operating)
  })

/** The last life: nothing acknowledged is lost, the barrier is open, and the cutover can be done. */
const verify = (world: World) =>
  Effect.gen(function* () {
    yield* ready
    yield* Effect.flatMap(RaftEngine, (engine) => engine.sealingReady)
    expect((yield* QuiescenceBarrier).state().isClosed).toBe(false)
    const wasCutOver = (yield* Applier).sidecar.raftEnvelopeCutoverIndex
    expect(wasCutOver).toBe(firstMarker(world.disk) ?? 0)
    expect((yield* WrapFlag).isSet()).toBe(wasCutOver !== 0)
    const store = yield* KvStore
    for (const [key, value] of world.acknowledged) {
      const found = yield* store.get(Buffer.from(key))
      const text = found === undefined ? undefined : Buffer.from(found.value).toString()
      const allowed = new Set([value, ...(world.open.get(key) ?? [])])
      expect(allowed.has(text ?? "(nothing)"), `${key}: ${text}`).toBe(true)
    }
    yield* (yield* EncryptionAdmin).enableStorageEnvelope
    const done = yield* (yield* Cutover).enableRaftEnvelope
    expect(done.wasAlreadyActive).toBe(wasCutOver !== 0)
    expect(world.cutoverIndex ?? done.cutoverIndex).toBe(done.cutoverIndex)
    world.cutoverIndex = done.cutoverIndex
    yield* store.put(Buffer.from("last"), Buffer.from(`${plainText}last`))
  }).pipe(Effect.provide(memoryNode({ disk: world.disk, seed: 999 })))

/** All that one seed does; throws at the first thing that is wrong. */
export function simulate(seed: number): World {
  const sim = new WatchingSim(seed)
  const world: World = {
    sim,
    disk: new MemoryDisk(),
    acknowledged: new Map(),
    open: new Map(),
    cells: new Map(),
    answers: new Map(),
    cutoverIndex: undefined,
    isCalling: false
  }
  const program = Effect.gen(function* () {
    for (let number = 0; number < lives; number++) {
      yield* life(world, number)
      if (sim.broken !== undefined) throw new Error(sim.broken)
    }
    world.disk.logWriteMillis = 0
    yield* verify(world)
  })
  const exit = sim.run(program)
  if (Exit.isFailure(exit)) throw new Error(Cause.pretty(exit.cause))
  checkSealedLog(world.disk, { cutoverIndex: world.cutoverIndex, plainText })
  return world
}
