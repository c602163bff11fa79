/**
 * One run of a simulated cluster: its program, then a time in which it must go on, then a look at all
 * of its disks (SPEC §19, §20). Never throws because of what it finds: that is its report.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { Clients } from "./Clients.ts"
import { type Step, steps } from "./CutoverSteps.ts"
import { closedMillisMax } from "./invariants/BarrierOpens.ts"
import { cellOf, Nemesis } from "./Nemesis.ts"
import { Operators } from "./Operators.ts"
import * as Planted from "./Planted.ts"
import { type FaultKind, kinds, type Program } from "./Program.ts"
import { checkEqualLogs, checkEqualStates, checkNoncesOfLogs } from "./ReplicasCheck.ts"
import { checkSealedLog } from "./SealedLogCheck.ts"
import { World } from "./World.ts"

/** States beside the faults that a campaign wants to have seen. */
export const states = [
  "refusedToStart",
  "halted",
  "stateCommitsLost",
  "tailTruncated",
  "snapshotInstalled",
  "sessionRetried",
  "cutOver",
  "entrySealed",
  "leaderChanged",
  "leaderFellAtCommit",
  "rotated",
  "operatorLeft",
  "SpaceLow",
  "startedWithoutKek",
  "refusedWithoutKek",
  "LocalEpochRollback",
  "CapabilityCheckFailed",
  "EncryptionOff",
  "PeerNotEncryptionCapable",
  "CutoverInFlight",
  "CutoverOutcomeUnknown",
  "DrainTimedOut",
  "RaftDekChanged",
  "markerTruncated",
  "cutOverAfterTruncation",
  "markerStale",
  "snapshotOverMarker",
  "snapshotAtMarker"
] as const

/** What the cutover is crossed with: each of its steps with each fault that begins there. */
export interface Cell {
  readonly step: Step
  readonly kind: FaultKind
  /** Its name in what was reached. */
  readonly name: string
}

export const cells: ReadonlyArray<Cell> = steps.flatMap((step) =>
  kinds.map((kind) => ({ step, kind, name: cellOf(step, kind) }))
)

export interface Report {
  readonly violation: string | undefined
  readonly traceHash: number
  readonly steps: number
  readonly acknowledged: number
  readonly reads: number
  readonly reached: ReadonlyMap<string, number>
}

export function simulate(program: Program, planted: Planted.Planted = Planted.none): Report {
  const world = new World(program, planted)
  const { findings, sim, watch } = world
  const exit = planted.during(() => attempt(world, planted.isStale))
  if (exit !== undefined && Exit.isFailure(exit)) {
    findings.violated("run", Cause.pretty(exit.cause))
  }
  if (watch.sealing.sealedCount > 0) findings.reach("entrySealed")
  if (watch.leaders.count > 1) findings.reach("leaderChanged")
  sim.note(findings.violation ?? "")
  return {
    violation: findings.violation,
    traceHash: sim.traceHash,
    steps: sim.steps,
    acknowledged: watch.reads.counts.acknowledged,
    reads: watch.reads.counts.reads,
    reached: findings.reached
  }
}

/** What is thrown between the turns of fibres is a finding too. */
function attempt(world: World, isStale: boolean): Exit.Exit<void, unknown> | undefined {
  try {
    return world.sim.runUnlessHalted(run(world, isStale))
  } catch (error) {
    return Exit.die(error)
  }
}

const run = (world: World, isStale: boolean): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { founders, mode } = world.program
    const names = world.names.slice(0, founders)
    for (const name of names) world.start(name)
    yield* world.until(() => names.every((name) => world.node(name).phase === "up"), "a beginning")
    // Until the founder has told the others, nobody else can go on without it.
    const knows = (name: string) => world.node(name).watched?.raft.status().membership.voters.length
    if (mode === "liveness") {
      yield* world.until(() => names.every((name) => knows(name) === founders), "a founding")
    }
    const clients = new Clients(world, isStale)
    const operators = new Operators(world)
    const everybody = [...clients.all, operators.operator]
    const nemesis = new Nemesis(world, operators)
    const fibres = yield* Effect.forEach(everybody, (client) => Effect.forkChild(client))
    yield* nemesis.program
    yield* world.sleepUntil(world.program.pace.horizonMillis)
    // Who is admitted late is one of them too.
    const quorum = mode === "safety" ? undefined : quorumOf(world)
    const healed = () => quorum ?? [...world.nameOf.values()]
    yield* heal(world, healed())
    world.watch.barriers.works()
    yield* clients.progress
    // Whoever stays away keeps the gate shut; if nobody does, the operator gets through.
    if (mode === "safety") yield* world.until(() => operators.cutoverIndex !== 0, "a cutover")
    world.isOver = true
    yield* Fiber.joinAll(fibres)
    yield* barriersOpen(world, healed())
    yield* settle(world, { clients, operators, healed })
  })

/** A majority of the founders, by the luck of the seed; nothing else is repaired. */
function quorumOf(world: World): ReadonlyArray<string> {
  const { founders } = world.program
  const first = world.sim.numbers.below(founders)
  const count = Math.floor(founders / 2) + 1
  return Array.from({ length: count }, (_, at) => `n${((first + at) % founders) + 1}`)
}

/** These work again, and what is between them. */
const heal = (world: World, names: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { names: all, network, nodes, program } = world
    yield* world.sleepUntil(world.calmAtMillis)
    const isAway = (name: string) => !names.includes(name) && nodes.has(name)
    network.heal(program.mode === "liveness" ? all.filter(isAway) : [])
    for (const name of names) {
      const node = world.node(name)
      const disk = world.disk(name)
      disk.logWriteMillis = 0
      node.processor.resume()
      node.processor.drift(1)
      node.kek = "right"
      const isFaulty =
        node.phase === "halted" ||
        node.unable !== undefined ||
        disk.nextTear !== undefined ||
        disk.nextLogFault !== undefined ||
        disk.nextStateFault !== undefined
      if (isFaulty) yield* world.crash([name], 1)
      world.start(name)
    }
    yield* world.until(() => names.every((name) => world.node(name).phase === "up"), "all are up")
  })

/** I11 of whoever works, also of a node that does not lead: a run may end before any turn shows it. */
function barriersOpen(world: World, names: ReadonlyArray<string>): Effect.Effect<void> {
  const isOpen = (name: string) => world.node(name).watched?.barrier?.().isClosed === false
  const what = "in the end, the barrier of every node is open"
  const patience = { invariant: "I11", millisMax: closedMillisMax }
  return world.until(() => names.every(isOpen), what, patience)
}

interface Settling {
  readonly clients: Clients
  readonly operators: Operators
  readonly healed: () => ReadonlyArray<string>
}

/** All that work have applied the same; then nothing acknowledged is missing, and the disks agree. */
const settle = (world: World, { clients, healed, operators }: Settling) =>
  Effect.gen(function* () {
    const { cluster, watch } = world
    const leader = () => {
      const name = cluster.readyLeader()
      return name !== undefined && healed().includes(name) ? name : undefined
    }
    const members = () => {
      const name = leader()
      if (name === undefined) return []
      const { byId } = cluster.applier(name).members
      return healed().filter((other) => byId.has(cluster.memberId(other)))
    }
    const applied = (name: string) => cluster.applier(name).position.index
    yield* world.until(() => {
      const name = leader()
      if (name === undefined) return false
      const { lastIndex } = cluster.engine(name).status()
      return members().every((other) => applied(other) === lastIndex)
    }, "all have applied the same")
    const names = members()
    for (const name of names) {
      for (const key of watch.reads.keys) {
        let tries = 0
        while (!(yield* clients.read(name, key)) && tries++ < 50) yield* Effect.sleep(20)
        if (tries > 50) world.findings.violated("liveness", `${name} answers no read`)
      }
    }
    yield* clients.judge(names)
    const { sidecar } = cluster.applier(names[0]!)
    if (sidecar.raftEnvelopeCutoverIndex !== 0)
      operators.cutOverAt(sidecar.raftEnvelopeCutoverIndex)
    for (const name of names) {
      const { snapshotPointer } = Context.get(cluster.services(name), RaftLogStore)
      if (snapshotPointer().generation > 0) world.findings.reach("snapshotInstalled")
    }
    for (const name of names) {
      const reason = cluster.engine(name).candidacyRenounced()
      if (reason !== undefined)
        world.findings.violated("liveness", `${name} has renounced: ${reason}`)
    }
    yield* Effect.sync(() => checkDisks(world, operators.cutoverIndex, names))
  })

function checkDisks(world: World, cutOverAt: number, names: ReadonlyArray<string>): void {
  const { cluster } = world
  const disks = names.map((name) => cluster.disk(name))
  checkEqualStates(disks)
  checkEqualLogs(
    names.map((name) => ({
      disk: cluster.disk(name),
      commit: cluster.engine(name).status().commit
    }))
  )
  const cutoverIndex = cutOverAt === 0 ? undefined : cutOverAt
  for (const disk of disks) checkSealedLog(disk, { cutoverIndex, plainText: "value " })
  if (cutoverIndex !== undefined) {
    const everyDisk = world.names.map((name) => cluster.disk(name))
    checkNoncesOfLogs(everyDisk, cutoverIndex)
  }
}
