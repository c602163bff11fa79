/**
 * One episode with the cutover in its middle, in which the leader is killed, paused or cut off exactly at
 * one step of the program (SPEC §12, §20).
 *
 * What must never happen: a verdict from a run in which that step was not reached, or too little was asked
 * for before or after. What else makes an episode is in `Episode`, what must be so in the end in
 * `CutoverFindings`. Proof: `test/e2e/NemesisCutover.test.ts`.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { answered } from "../cluster/Asking.ts"
import * as LogSides from "../cluster/LogSides.ts"
import * as Calls from "./Calls.ts"
import { Canaries, keptKey } from "./Canaries.ts"
import * as Findings from "./CutoverFindings.ts"
import type { CutoverPlan } from "./CutoverPlan.ts"
import * as Episode from "./Episode.ts"
import * as Failpoints from "./Failpoints.ts"
import * as Flowing from "./Flowing.ts"
import { founded } from "./Founding.ts"
import * as Healing from "./Healing.ts"
import * as Link from "./Link.ts"
import * as Load from "./Load.ts"
import type { Nodes, Place } from "./Nodes.ts"
import { type Operator, until } from "./Operator.ts"
import * as PeerLinks from "./PeerLinks.ts"
import type { PlantedCutoverLie } from "./Planted.ts"
import * as Stopped from "./Stopped.ts"

export interface Options {
  readonly plan: CutoverPlan
  readonly say: (line: string) => void
  readonly planted?: PlantedCutoverLie | undefined
  readonly isKept?: boolean
}

export interface Outcome extends Episode.Judged {
  readonly plan: CutoverPlan
  /** From the fault until a write was taken again; `undefined` if there was no fault. */
  readonly flowMillis: number | undefined
  readonly clientErrors: ReadonlyArray<string>
}

/** The load ends when all is done; this is for an episode in which that never comes. */
const loadMillisMax = 240_000
const reachedMillisMax = 60_000
const operationsAfter = 300
/** Before and after; only a busy machine takes more than a few seconds. */
const operationsMillisMax = 60_000

export const run = Effect.fnUntraced(function* ({ isKept, plan, planted, say }: Options) {
  const { finished, judged, recorder } = yield* Episode.judgedOf(
    { say, seed: plan.seed, ...(isKept === undefined ? {} : { isKept }) },
    (stage) => course(plan, stage, planted)
  )
  const outcome: Outcome = {
    ...{ ...judged, plan },
    flowMillis: finished?.flowMillis,
    clientErrors: Findings.clientErrors(recorder.calls, recorder.failedAttempts)
  }
  return outcome
})

const course = Effect.fnUntraced(function* (
  plan: CutoverPlan,
  stage: Episode.Stage,
  planted: PlantedCutoverLie | undefined
) {
  const { directory, recorder, say } = stage
  const failpoints = join(directory, "failpoints")
  yield* Failpoints.prepare(failpoints)
  const { nodeCount, seed } = plan
  // All but one keep their log, so that in the end the marker is still there.
  const keepsLog = (nodeName: string) => nodeName !== `n${nodeCount}`
  const isImpatient = planted === "impatient-node"
  const founding = { directory, nodeCount, seed, failpoints, keepsLog, isImpatient }
  const { nodes, operator, places } = yield* founded(founding)
  say("the cluster has a leader")
  const canaries = new Canaries(planted === "early-canary")
  const load = yield* Load.begin({
    ...{ recorder, endpoints: nodes.clientEndpoints, marks: canaries.marks },
    ...{ seed, millisMax: loadMillisMax }
  })
  yield* putCanary(canaries, operator, stage)
  yield* load.answered(Episode.operationsBeforeFaults, operationsMillisMax)
  const before = recorder.answered
  say(`${before} operations before the cutover`)

  yield* operator
    .order((to) => to.enableStorageEnvelope)
    .pipe(Healing.within("no answer to the storage envelope"))
  canaries.time = "phase 1"
  const cut = yield* cutOver(plan, { nodes, operator, failpoints }, stage)
  canaries.time = "after the cutover"
  say(`the cutover index is ${cut.cutoverIndex}`)
  yield* Healing.heal(nodes, operator, recorder)
  say("healed")
  const atCutover = recorder.answered
  yield* load.answered(atCutover + operationsAfter, operationsMillisMax)
  const after = recorder.answered - atCutover
  const keys = yield* load.end
  const healed = ["anybody", ...nodes.names()].map((name) => `healed-${name}`)
  yield* Healing.readAll(nodes, operator, recorder, [...keys, ...healed, keptKey])
  const { differing, lastRevision } = yield* Healing.replicas(nodes, operator)
  const views = yield* viewsOf(nodes, operator, planted)
  const raftKeyId = yield* raftKeyOf(operator)
  const alone = nodes.endedByThemselves()
  const stopped = lyingOf(yield* Stopped.stop(nodes, operator), planted)
  const searches = yield* searched(canaries, places)
  const marker = {
    raftKeyId,
    cutoverIndex: cut.cutoverIndex - (planted === "other-marker" ? 1 : 0)
  }
  const logs = yield* Effect.forEach(places, (place) => LogSides.read(place, marker))
  const errors = Findings.clientErrors(recorder.calls, recorder.failedAttempts)
  say(
    `${recorder.calls.length} calls, revision ${lastRevision}, ${errors.length} client errors; ${JSON.stringify(Object.fromEntries(recorder.failures))}`
  )
  const found = { cutoverIndex: cut.cutoverIndex, views, searches }
  return {
    ...{ lastRevision, flowMillis: cut.flowMillis, isToBeKept: errors.length > 0 },
    complaints: [
      ...[...differing, ...alone, ...Findings.findings(found)],
      ...[...Stopped.findings(stopped), ...LogSides.findings(logs)]
    ],
    undecided: [
      ...Episode.tooFew(before),
      ...[...Stopped.undecided(stopped), ...LogSides.undecided(logs)],
      ...(cut.flowMillis === undefined ? [`the step ${plan.step} was not reached`] : []),
      ...(after < operationsAfter ? [`only ${after} operations after the cutover`] : [])
    ]
  }
})

/** What is searched for to prove that the search finds. */
const putCanary = (canaries: Canaries, { way }: Operator, { recorder }: Episode.Stage) => {
  const value = `${canaries.plainValue}canary`
  const asked = {
    ...{ client: "canary", isInSession: false },
    writes: [{ _tag: "Put", key: keptKey, value } as const]
  }
  const put = way.call((to) => Calls.put(to, keptKey, value))
  const isPut = Effect.map(recorder.run(asked, put), ({ answer }) => answer !== undefined)
  return until(isPut).pipe(Healing.within("no canary"))
}

interface Cluster {
  readonly nodes: Nodes
  readonly operator: Operator
  readonly failpoints: string
}

/** Ordered until it is answered, by one node after another; meanwhile the leader is held at the step. */
const cutOver = Effect.fnUntraced(function* (
  plan: CutoverPlan,
  cluster: Cluster,
  stage: Episode.Stage
) {
  const { failpoints, nodes, operator } = cluster
  yield* Failpoints.arm(failpoints, plan.step)
  const ordered = yield* Effect.forkChild(operator.order((to) => to.enableRaftEnvelope))
  const held = yield* Effect.timeoutOption(
    Failpoints.reached(failpoints, plan.step, nodes),
    reachedMillisMax
  )
  const flowMillis =
    held._tag === "Some" ? yield* inflicted(plan, held.value, nodes, stage) : undefined
  const done = yield* Fiber.join(ordered).pipe(Healing.within("no answer to the cutover"))
  return { cutoverIndex: done?.cutoverIndex ?? 0, flowMillis }
})

/** The process is stopped. Returns how long no write was taken. */
const inflicted = Effect.fnUntraced(function* (
  { fault, isLost, millis, step }: CutoverPlan,
  target: string,
  nodes: Nodes,
  { recorder, say }: Episode.Stage
) {
  const heldAt = performance.now()
  say(`${target} is held at ${step}: ${fault}`)
  const others = nodes.names().filter((name) => name !== target)
  const flow = Effect.gen(function* () {
    const at = yield* Flowing.again(nodes, others, recorder).pipe(Healing.within("no write"))
    say(`writes flow again after ${(at - heldAt).toFixed(0)} ms`)
    yield* Effect.sleep(millis)
    return at - heldAt
  })
  const goOn = nodes.signal(target, "SIGCONT")
  switch (fault) {
    case "kill":
      yield* nodes.kill(target)
      return yield* Effect.tap(flow, () => nodes.restart(target))
    case "pause":
      return yield* Effect.ensuring(flow, goOn)
    case "partition": {
      const traffic = isLost ? Link.drop : Link.hold
      const trouble = { pairs: PeerLinks.between([target], others), traffic }
      nodes.links.begin(trouble)
      yield* goOn
      const heal = Effect.sync(() => nodes.links.end(trouble))
      return yield* Effect.ensuring(flow, heal)
    }
  }
})

/** What each node says to the order once more, and then of itself. */
const viewsOf = (nodes: Nodes, operator: Operator, planted: PlantedCutoverLie | undefined) =>
  Effect.forEach(nodes.names(), (nodeName, at) =>
    Effect.gen(function* () {
      const endpoint = nodes.endpointOf(nodeName)
      const { call } = operator.way
      const told = Healing.within(`${nodeName} says nothing of its cutover`)
      const again = yield* told(answered(call((to) => to.enableRaftEnvelope, endpoint)))
      const status = yield* told(answered(call((to) => to.encryptionStatus, endpoint)))
      const lie = planted === "other-index" && at === 0 ? 1 : 0
      const view: Findings.View = {
        ...{ ...status, nodeName, cutoverIndex: status.cutoverIndex + lie },
        answeredIndex: again.cutoverIndex
      }
      return view
    })
  )

/** The key that entries above the marker are sealed under; it is not rotated. */
const raftKeyOf = ({ way }: Operator) => {
  const active = way
    .call((to) => to.encryptionStatus)
    .pipe(
      Effect.map(({ keys }) => keys.find(({ isActive, purpose }) => isActive && purpose === "raft"))
    )
  return answered(Effect.map(active, (key) => key?.id)).pipe(Healing.within("no raft key"))
}

const lyingOf = (stopped: Stopped.Stopped, planted: PlantedCutoverLie | undefined) => {
  const digestOf = ({ digest }: Stopped.State, at: number) => (at === 0 ? "another" : digest)
  const states = stopped.states.map((state, at) => ({ ...state, digest: digestOf(state, at) }))
  return planted === "other-state" ? { ...stopped, states } : stopped
}

const searched = (canaries: Canaries, places: ReadonlyArray<Place>) =>
  Effect.promise(() => Promise.all(places.map((place) => canaries.search(place))))
