/**
 * One episode: a cluster of processes, clients, the faults of a plan, healing, and the judgement.
 *
 * What must never happen: a verdict from a run that was none. Fewer than 300 operations before the first
 * fault, and it is undecided; a cluster that does not go on in time, or a node that ends by itself, is a
 * violation. Of an episode that is not as it must be the directory is kept, with the logs and the history.
 */
import { randomBytes } from "node:crypto"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Endpoint from "../../src/domain/api/Endpoint.ts"
import { seededNumbers } from "../../test/support/SeededNumbers.ts"
import * as Clients from "./Clients.ts"
import { Faults } from "./Faults.ts"
import * as Healing from "./Healing.ts"
import { answeredCount } from "./History.ts"
import * as Judge from "./Judge.ts"
import * as Nodes from "./Nodes.ts"
import * as Operator from "./Operator.ts"
import type { Kind, Plan } from "./Plan.ts"
import type { PlantedLie } from "./Planted.ts"
import { Recorder } from "./Recorder.ts"

export interface Options {
  readonly plan: Plan
  readonly say: (line: string) => void
  readonly planted?: PlantedLie | undefined
  readonly isKept?: boolean
}

export interface Outcome {
  readonly seed: number
  /** That were answered. */
  readonly operations: number
  readonly unknown: number
  readonly violations: ReadonlyArray<string>
  /** Why nothing can be said. */
  readonly undecided: ReadonlyArray<string>
  readonly faults: ReadonlyMap<Kind, number>
  readonly snapshots: number
  /** Kept, if something is not as it must be. */
  readonly directory: string | undefined
  readonly millis: number
}

export const operationsBeforeFaults = 300
const operationsMillisMax = 10_000
/** From the beginning of the load. */
const faultsMillisMax = 12_000
const loadMillisMax = 15_000
/** So much is answered after the healing before the clients stop, if there is time. */
const operationsAfter = 200

export const run = Effect.fnUntraced(function* (options: Options) {
  const began = performance.now()
  const directory = yield* Effect.promise(() => mkdtemp(join(tmpdir(), "sealog-nemesis-")))
  const lines: Array<string> = []
  const say = (line: string) => {
    const at = ((performance.now() - began) / 1_000).toFixed(2).padStart(6)
    lines.push(`${at} ${line}`)
    options.say(`${at} ${line}`)
  }
  const recorder = new Recorder(options.planted)
  const exit = yield* Effect.exit(Effect.scoped(course(options.plan, directory, recorder, say)))
  const finished = Exit.isSuccess(exit) ? exit.value : undefined
  const stuck = Exit.isFailure(exit)
    ? [`the episode came to nothing: ${Cause.pretty(exit.cause)}`]
    : []
  const verdict = Judge.judge(recorder.calls, finished?.lastRevision)
  const violations = [...verdict.violations, ...(finished?.complaints ?? []), ...stuck]
  const undecided = [
    ...(verdict.isUndecided ? ["the history is too much work for the checker"] : []),
    ...(finished?.undecided ?? [])
  ]
  const isKept = options.isKept === true || violations.length + undecided.length > 0
  yield* Effect.promise(async () => {
    if (!isKept) return rm(directory, { recursive: true, force: true })
    await writeFile(join(directory, "history.json"), JSON.stringify(recorder.calls, null, 1))
    await writeFile(
      join(directory, "episode.log"),
      `${[...lines, ...violations, ...undecided].join("\n")}\n`
    )
  })
  const outcome: Outcome = {
    seed: options.plan.seed,
    operations: answeredCount(recorder.calls),
    unknown: recorder.calls.filter(({ end }) => end._tag === "Unknown").length,
    ...{ violations, undecided },
    faults: finished?.faults ?? new Map(),
    snapshots: finished?.snapshots ?? 0,
    directory: isKept ? directory : undefined,
    millis: performance.now() - began
  }
  return outcome
})

/** From the first process to the last read. */
const course = Effect.fnUntraced(function* (
  plan: Plan,
  directory: string,
  recorder: Recorder,
  say: (line: string) => void
) {
  const numbers = seededNumbers(plan.seed + 1_000_000)
  const { nodes, places } = yield* founded(plan, directory)
  const operator = yield* Operator.make(nodes, numbers)
  yield* Operator.until(Effect.map(operator.leader, (name) => name !== undefined))
  say("the cluster has a leader")

  const began = performance.now()
  const sinceBegan = () => performance.now() - began
  let isOver = false
  const load = yield* Effect.forkChild(
    Effect.forEach(
      Array.from({ length: Clients.clientCount }, (_, id) => id),
      (id) =>
        Clients.run(id, {
          ...{ recorder, endpoints: nodes.clientEndpoints },
          numbers: seededNumbers(plan.seed * 100 + id),
          isOver: () => isOver || sinceBegan() > loadMillisMax
        }),
      { concurrency: "unbounded" }
    )
  )
  const answered = (count: number) => Operator.until(Effect.sync(() => recorder.answered >= count))
  yield* Effect.timeoutOption(answered(operationsBeforeFaults), operationsMillisMax)
  const before = recorder.answered
  say(`${before} operations before the first fault`)

  const context = { nodes, operator, say, nextPlace: nextPlaceOf(nodes, places) }
  const faults = new Faults(context)
  yield* Effect.forEach(
    plan.lanes,
    (lane) => Effect.forEach(lane, (fault) => faults.run(fault), { discard: true }),
    { concurrency: "unbounded", discard: true }
  ).pipe(Effect.timeoutOption(Math.max(0, faultsMillisMax - sinceBegan())))

  say("healing")
  yield* Healing.heal(nodes, operator, recorder, faults.leaving)
  say("healed")
  yield* Effect.timeoutOption(
    answered(recorder.answered + operationsAfter),
    Math.max(0, loadMillisMax - sinceBegan())
  )
  isOver = true
  const chains = yield* Fiber.join(load)
  const healed = ["anybody", ...nodes.names()].map((name) => `healed-${name}`)
  yield* Healing.readAll(nodes, operator, recorder, [...Clients.keys, ...chains.flat(), ...healed])
  const { differing, lastRevision } = yield* Healing.replicas(nodes, operator)
  const snapshots = Nodes.told(places, "a snapshot has replaced log and state")
  say(
    `${recorder.calls.length} calls, revision ${lastRevision}, ${snapshots} snapshots installed; ${JSON.stringify(Object.fromEntries(recorder.failures))}`
  )
  return {
    lastRevision,
    ...{ snapshots, faults: faults.done },
    complaints: [...differing, ...nodes.endedByThemselves()],
    undecided:
      before >= operationsBeforeFaults
        ? []
        : [`only ${before} operations before the first fault, not ${operationsBeforeFaults}`]
  }
})

const founded = Effect.fnUntraced(function* (plan: Plan, directory: string) {
  yield* Effect.promise(() => mkdir(directory, { recursive: true }))
  const kekFile = join(directory, "kek")
  yield* Effect.promise(() => writeFile(kekFile, randomBytes(32), { mode: 0o600 }))
  const numbers = seededNumbers(plan.seed + 2_000_000)
  const nodes = yield* Nodes.make({ directory, kekFile, random: numbers.next })
  const names = Array.from({ length: plan.nodeCount }, (_, at) => `n${at + 1}`)
  const places = yield* Effect.forEach(names, nodes.place)
  const list = places.map(({ nodeName, peer }) => `${nodeName}=${Endpoint.format(peer)}`).join(",")
  const all = { concurrency: "unbounded", discard: true } as const
  yield* Effect.forEach(places, (place) => nodes.start(place, ["--bootstrap", list]), all)
  yield* Effect.forEach(names, nodes.ready, all)
  return { nodes, places }
})

/** `s1`, `s2`, …: a name is not used twice. */
const nextPlaceOf = (nodes: Nodes.Nodes, places: Array<Nodes.Place>) => {
  let count = 0
  return Effect.suspend(() => {
    count += 1
    return Effect.tap(nodes.place(`s${count}`), (place) => Effect.sync(() => places.push(place)))
  })
}
