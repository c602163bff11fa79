/**
 * One episode: a cluster of processes, clients, the faults of a plan, healing, and the judgement.
 *
 * What must never happen: a verdict from a run that was none. Fewer than 300 operations before the first
 * fault, and it is undecided; a cluster that does not go on in time, or a node that ends by itself, is a
 * violation. Of an episode that is not as it must be the directory is kept, with the logs and the history.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { Faults } from "./Faults.ts"
import { type Cluster, founded } from "./Founding.ts"
import * as Healing from "./Healing.ts"
import { answeredCount } from "./History.ts"
import * as Judge from "./Judge.ts"
import * as Load from "./Load.ts"
import * as Nodes from "./Nodes.ts"
import type { Kind, Plan } from "./Plan.ts"
import type { PlantedLie } from "./Planted.ts"
import { Recorder } from "./Recorder.ts"
import * as Stopped from "./Stopped.ts"

export interface Options {
  readonly plan: Plan
  readonly say: (line: string) => void
  readonly planted?: PlantedLie | undefined
  readonly isKept?: boolean
  /** Episodes that share it have their clients and faults one after the other, whatever else overlaps. */
  readonly turn?: Semaphore.Semaphore
}

/** Of every kind of episode. */
export interface Judged {
  readonly seed: number
  /** That were answered. */
  readonly operations: number
  readonly unknown: number
  readonly violations: ReadonlyArray<string>
  /** Why nothing can be said. */
  readonly undecided: ReadonlyArray<string>
  /** Kept, if something is not as it must be. */
  readonly directory: string | undefined
  readonly millis: number
}

export interface Outcome extends Judged {
  readonly faults: ReadonlyMap<Kind, number>
  readonly snapshots: number
}

/** What a course has to work with. */
export interface Stage {
  readonly directory: string
  readonly recorder: Recorder
  readonly say: (line: string) => void
}

/** What a course has found, beside the history. */
export interface Finished {
  /** Of the store in the end. */
  readonly lastRevision: number
  readonly complaints: ReadonlyArray<string>
  readonly undecided: ReadonlyArray<string>
  /** Although nothing of all that is wrong. */
  readonly isToBeKept?: boolean
}

export const operationsBeforeFaults = 300
const operationsMillisMax = 10_000
/** From the beginning of the load. */
const faultsMillisMax = 12_000
const loadMillisMax = 15_000
/** So much is answered after the healing before the clients stop, if there is time. */
const operationsAfter = 200

export const run = Effect.fnUntraced(function* (options: Options) {
  const { plan } = options
  const turn = options.turn ?? (yield* Semaphore.make(1))
  const { finished, judged } = yield* judgedOf({ ...options, seed: plan.seed }, (stage) =>
    course(plan, stage, turn)
  )
  const outcome: Outcome = {
    ...judged,
    faults: finished?.faults ?? new Map(),
    snapshots: finished?.snapshots ?? 0
  }
  return outcome
})

/** Runs a course in a directory of its own, and judges what clients saw in it. */
export const judgedOf = Effect.fnUntraced(function* <A extends Finished, E>(
  options: Omit<Options, "plan" | "turn"> & { readonly seed: number },
  course: (stage: Stage) => Effect.Effect<A, E, Scope.Scope>
) {
  const began = performance.now()
  const directory = yield* Effect.promise(() => mkdtemp(join(tmpdir(), "sealog-nemesis-")))
  const lines: Array<string> = []
  const say = (line: string) => {
    const at = ((performance.now() - began) / 1_000).toFixed(2).padStart(6)
    lines.push(`${at} ${line}`)
    options.say(`${at} ${line}`)
  }
  const recorder = new Recorder(options.planted)
  const exit = yield* Effect.exit(Effect.scoped(course({ directory, recorder, say })))
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
  const isKept =
    options.isKept === true ||
    finished?.isToBeKept === true ||
    violations.length + undecided.length > 0
  yield* Effect.promise(async () => {
    if (!isKept) return rm(directory, { recursive: true, force: true })
    await writeFile(join(directory, "history.json"), JSON.stringify(recorder.calls, null, 1))
    await writeFile(
      join(directory, "episode.log"),
      `${[...lines, ...violations, ...undecided].join("\n")}\n`
    )
  })
  const judged: Judged = {
    seed: options.seed,
    operations: answeredCount(recorder.calls),
    unknown: recorder.calls.filter(({ end }) => end._tag === "Unknown").length,
    ...{ violations, undecided },
    directory: isKept ? directory : undefined,
    millis: performance.now() - began
  }
  return { judged, finished, recorder }
})

/** From the first process to the last read. */
const course = Effect.fnUntraced(function* (plan: Plan, stage: Stage, turn: Semaphore.Semaphore) {
  const { directory, recorder, say } = stage
  const cluster = yield* founded({ directory, nodeCount: plan.nodeCount, seed: plan.seed })
  say("the cluster has a leader")
  const { before, faults, keys } = yield* turn.withPermits(1)(troubled(plan, cluster, stage))
  const { nodes, operator, places } = cluster
  const healed = ["anybody", ...nodes.names()].map((name) => `healed-${name}`)
  yield* Healing.readAll(nodes, operator, recorder, [...keys, ...healed])
  const { differing, lastRevision } = yield* Healing.replicas(nodes, operator)
  const alone = nodes.endedByThemselves()
  const stopped = yield* Stopped.stop(nodes, operator)
  const snapshots = Nodes.told(places, "a snapshot has replaced log and state")
  say(
    `${recorder.calls.length} calls, revision ${lastRevision}, ${snapshots} snapshots installed; ${JSON.stringify(Object.fromEntries(recorder.failures))}`
  )
  return {
    lastRevision,
    ...{ snapshots, faults },
    complaints: [...differing, ...alone, ...Stopped.findings(stopped)],
    undecided: [...tooFew(before), ...Stopped.undecided(stopped)]
  }
})

/** Clients, and in the midst of what they do the faults, until all is healed and they have gone on. */
const troubled = Effect.fnUntraced(function* (
  plan: Plan,
  { nodes, operator, places }: Cluster,
  { recorder, say }: Stage
) {
  const load = yield* Load.begin({
    ...{ recorder, endpoints: nodes.clientEndpoints },
    ...{ seed: plan.seed, millisMax: loadMillisMax }
  })
  yield* load.answered(operationsBeforeFaults, operationsMillisMax)
  const before = recorder.answered
  say(`${before} operations before the first fault`)

  const context = { nodes, operator, say, nextPlace: nextPlaceOf(nodes, places) }
  const faults = new Faults(context)
  yield* Effect.forEach(
    plan.lanes,
    (lane) => Effect.forEach(lane, (fault) => faults.run(fault), { discard: true }),
    { concurrency: "unbounded", discard: true }
  ).pipe(Effect.timeoutOption(Math.max(0, faultsMillisMax - load.sinceBegan())))

  say("healing")
  yield* Healing.heal(nodes, operator, recorder, faults.leaving)
  say("healed")
  yield* load.answered(recorder.answered + operationsAfter, loadMillisMax - load.sinceBegan())
  return { before, faults: faults.done, keys: yield* load.end }
})

/** Of operations before the first fault: then nothing was tried. */
export const tooFew = (before: number): ReadonlyArray<string> =>
  before >= operationsBeforeFaults
    ? []
    : [`only ${before} operations before the first fault, not ${operationsBeforeFaults}`]

/** `s1`, `s2`, …: a name is not used twice. */
const nextPlaceOf = (nodes: Nodes.Nodes, places: Array<Nodes.Place>) => {
  let count = 0
  return Effect.suspend(() => {
    count += 1
    return Effect.tap(nodes.place(`s${count}`), (place) => Effect.sync(() => places.push(place)))
  })
}
