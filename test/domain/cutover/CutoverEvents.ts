/**
 * Everything that can happen to a {@link World}: users, callers, the engine, the rest of the cluster.
 *
 * Each step is one turn of the real thing, in its order: what the shell, the coordinator and the
 * driver do between two waits. What is wrong within a step is noted in `World.wrong`.
 */
import * as Barrier from "../../../src/domain/cutover/Barrier.ts"
import * as Machine from "../../../src/domain/cutover/CutoverMachine.ts"
import * as Preflight from "../../../src/domain/cutover/Preflight.ts"
import { CutoverInFlight } from "../../../src/domain/encryption/Errors.ts"
import { NotLeader } from "../../../src/domain/engine/Errors.ts"
import type { Term } from "../../../src/domain/Ids.ts"
import {
  type Entry,
  factsOf,
  index,
  intakeOf,
  type Key,
  leads,
  markerCounts,
  markers,
  type Rules,
  readyMax,
  runsMax,
  start,
  termsMax,
  type World
} from "./CutoverWorld.ts"

/** Steps that happen by themselves as long as the node runs and somebody wins an election. */
export const isProgress = (name: string): boolean =>
  ["batch", "accept", "acknowledge", "apply", "elected", "begin", "drained"].includes(name)

/** Everything that can happen to a world, with its name. */
export const eventsOf = (rule: Rules) => {
  const dispatch = dispatcher(rule)
  const engine = engineEvents(rule, dispatch)
  return (world: World): ReadonlyArray<readonly [string, World]> =>
    [...userEvents(rule, world), ...callerEvents(rule, dispatch, world), ...engine(world)].flatMap(
      ([name, next]) => (next === undefined ? [] : [[name, forgetful(rule, next)] as const])
    )
}

/** Worlds that differ only in what matters to nobody any more are one. */
function forgetful(rule: Rules, world: World): World {
  const { barrier, isCutOver, isFlagSet, machine, role, run, wrong } = world
  if (wrong !== undefined) return { ...start, wrong }
  if (Machine.isInFlight(machine)) return world
  const caller = world.caller === "waiting" ? "waiting" : "none"
  const ends = run === 0 ? 0 : world.ends
  const known = { runKey: 1, fate: "notProposed", caller, ends } as const
  if (role !== "stopped") return { ...world, ...known, ready: run === runsMax ? [] : world.ready }
  const { key, log, starts, term } = world
  const gone = { ...start, ...known, barrier, isCutOver, isFlagSet, machine, role, run }
  return starts === rule.startsMax ? gone : { ...gone, key, log, starts, term }
}

type Event = readonly [string, World | undefined]
type Dispatch = (world: World, run: number, event: Machine.CutoverEvent) => World

/** The shell: the machine's actions, one after the other, for the run an event belongs to. */
const dispatcher =
  (rule: Rules): Dispatch =>
  (world, run, event) => {
    if (run !== world.run || !Machine.isInFlight(world.machine)) {
      if (event._tag !== "Started") return world
    }
    const { actions, state } = rule.transition(world.machine, event)
    let next: World = { ...world, machine: state }
    for (const action of actions) next = checked(carriedOut(rule, next, action))
    return next
  }

function carriedOut(rule: Rules, world: World, action: Machine.CutoverAction): World {
  switch (action._tag) {
    case "CloseBarrier":
      return { ...world, barrier: Barrier.close(world.barrier) }
    case "OpenBarrier":
      return { ...world, barrier: Barrier.open(world.barrier) }
    case "SetWrapFlag":
      return { ...world, isFlagSet: true }
    case "End":
      return { ...world, ends: world.ends + 1 }
    case "Answer":
      return answered(world, action.answer)
    case "ProposeMarker":
      return proposeMarker(rule, world, action.term)
  }
}

/** As the shell does it: the barrier is asked, and lets the administration pass. */
function proposeMarker(rule: Rules, world: World, term: Term): World {
  if (world.role !== "leader") return { ...world, fate: "refused" }
  if (rule.admit(world.barrier, { source: "encryptionAdmin", term }) === undefined) return world
  const { run, runKey: key } = world
  const marker: Entry = { kind: "marker", term, key, run, isAcknowledged: false }
  return { ...world, inbox: [...world.inbox, marker], fate: "unresolved" }
}

/** SPEC §12: what the caller is told is so at that moment, and it is told once, while it is there. */
function answered(world: World, answer: Machine.CutoverAnswer): World {
  const { fate } = world
  const isTrue = {
    CutOver: fate === "applied" && world.isCutOver && world.isFlagSet,
    RaftDekChanged: fate === "stale",
    DrainTimedOut: fate === "notProposed",
    MarkerRefused: fate === "refused",
    OutcomeUnknown: fate === "unresolved"
  }[answer._tag]
  const told: World = { ...world, caller: "told" }
  if (world.caller !== "waiting") return { ...told, wrong: world.wrong ?? "told who does not wait" }
  return isTrue
    ? told
    : { ...told, wrong: world.wrong ?? `told ${answer._tag} of a marker ${fate}` }
}

/** SPEC §12, release rule: also between two actions of one turn. */
function checked(world: World): World {
  const unresolved = markers(world).some(
    (marker) => marker.run === world.run && marker.term === world.term
  )
  const isEarly = !world.barrier.isClosed && leads(world) && unresolved
  return isEarly ? { ...world, wrong: world.wrong ?? "opened early" } : world
}

const notLeader = new NotLeader({ leader: undefined })

const userCount = ({ inbox, log, queue }: World): number =>
  queue.length + [...inbox, ...log].filter(({ kind }) => kind === "user").length

const settled = (world: World, term: number): World => ({
  ...world,
  barrier: Barrier.settle(world.barrier, { count: 1, term: term as Term })
})

/** Users, and the coordinator that makes entries of their requests. */
function userEvents(rule: Rules, world: World): ReadonlyArray<Event> {
  const term = world.term as Term
  const admitted =
    world.role === "leader" && userCount(world) < rule.usersMax
      ? rule.admit(world.barrier, { source: "user", term })
      : undefined
  const [first, ...rest] = world.queue
  if (first === undefined) {
    return [["admit", admitted && { ...world, barrier: admitted, queue: [term] }]]
  }
  const user: Entry = { kind: "user", term: first, isSealed: world.isFlagSet }
  return [
    ["admit", admitted && { ...world, barrier: admitted, queue: [...world.queue, term] }],
    ["withdraw", settled({ ...world, queue: rest }, first)],
    ["batch", { ...world, queue: rest, inbox: [...world.inbox, user] }]
  ]
}

/** Callers, and the waits of the program. */
function callerEvents(rule: Rules, dispatch: Dispatch, world: World): ReadonlyArray<Event> {
  const isDraining = world.machine._tag === "Draining"
  const mayTimeOut = Machine.mayBeInLog(world.machine) && world.caller === "waiting"
  const when = (condition: boolean, next: () => World): World | undefined =>
    condition ? next() : undefined
  const tell = (event: Machine.CutoverEvent) => dispatch(world, world.run, event)
  return [
    ["ask", asked(world)],
    beginning(dispatch, world),
    ["drained", when(isDraining && rule.isDrained(world.barrier), () => drained(dispatch, world))],
    ["drain times out", when(isDraining, () => tell({ _tag: "DrainTimedOut" }))],
    [
      "caller leaves",
      when(world.caller === "waiting" && Machine.isInFlight(world.machine), () =>
        dispatch({ ...world, caller: "gone" }, world.run, { _tag: "CallerLeft" })
      )
    ],
    ["caller times out", when(mayTimeOut, () => tell({ _tag: "CallerTimedOut" }))]
  ]
}

function asked(world: World): World | undefined {
  const mayAsk = world.ready.length < readyMax && world.run < runsMax && world.role === "leader"
  if (!mayAsk || Machine.isInFlight(world.machine)) return undefined
  const decision = Preflight.decide(factsOf(world))
  return decision._tag === "Ready" ? { ...world, ready: [...world.ready, decision] } : undefined
}

function beginning(dispatch: Dispatch, world: World): Event {
  const [first, ...ready] = world.ready
  if (first === undefined || world.run === runsMax) return ["begin", undefined]
  const decision = Preflight.decideAgain(first, factsOf(world))
  // A second caller, or one that comes too late, is told so; nothing else happens.
  if (decision._tag !== "Ready") return ["is refused", { ...world, ready }]
  const { raftKeyId, term } = decision
  const runKey = raftKeyId as number as Key
  const run = world.run + 1
  const asked = { ...world, ready, run, runKey, fate: "notProposed", ends: 0 } as const
  return ["begin", dispatch({ ...asked, caller: "waiting" }, run, { _tag: "Started", term })]
}

function drained(dispatch: Dispatch, world: World): World {
  const next = dispatch(world, world.run, { _tag: "Drained" })
  if (next.fate !== "refused") return next
  const intake = intakeOf(world)
  const rejection = intake._tag === "Shut" ? intake.reason : new CutoverInFlight({})
  return dispatch(next, next.run, { _tag: "MarkerRefused", rejection })
}

/** The engine, its log, and the rest of the cluster. */
const engineEvents =
  (rule: Rules, dispatch: Dispatch) =>
  (world: World): ReadonlyArray<Event> =>
    world.role === "stopped"
      ? startEvents(rule, world)
      : [...localEvents(rule, dispatch, world), ...clusterEvents(rule, dispatch, world)]

function localEvents(rule: Rules, dispatch: Dispatch, world: World): ReadonlyArray<Event> {
  const { inbox, log, role, term } = world
  const [head, ...rest] = inbox
  const [next, ...above] = log
  const entries = [...inbox, ...log]
  const mayRotate =
    role === "leader" && world.key === 1 && !entries.some(({ kind }) => kind === "rotate")
  const unheard = log.find((entry) => entry.kind === "marker" && !entry.isAcknowledged)
  return [
    ["rotate", mayRotate ? { ...world, inbox: [...inbox, { kind: "rotate", term }] } : undefined],
    ["accept", head && accepted(rule, dispatch, { ...world, inbox: rest }, head)],
    ["acknowledge", unheard && acknowledged(dispatch, world, unheard)],
    ["apply", next && applied(dispatch, { ...world, log: above }, next)],
    ["stop", stopped(rule, dispatch, world)]
  ]
}

/** Is a marker effective for the next entry: does it name the DEK active at its index (SPEC §19)? */
function isEffective({ isCutOver, key, log }: World): boolean {
  let active = key
  let cutOver = isCutOver
  for (const entry of log) {
    if (entry.kind === "rotate") active = 2
    if (entry.kind === "marker" && entry.key === active) cutOver = true
  }
  return cutOver
}

function accepted(rule: Rules, dispatch: Dispatch, world: World, entry: Entry): World {
  const isSealed = entry.kind === "user" && entry.isSealed
  const isGuarded = rule.isGuarded || entry.kind !== "user"
  const isRefused = isGuarded && isSealed !== markerCounts(world)
  if (world.role !== "leader" || entry.term !== world.term || isRefused) {
    return rejected(dispatch, world, entry)
  }
  const appended = { ...world, log: [...world.log, entry] }
  if (entry.kind !== "user" || isSealed === isEffective(world)) return appended
  return { ...appended, wrong: world.wrong ?? (isSealed ? "sealed below" : "plain above") }
}

function rejected(dispatch: Dispatch, world: World, entry: Entry): World {
  if (entry.kind === "user") return settled(world, entry.term)
  if (entry.kind !== "marker") return world
  const told = entry.run === world.run ? { ...world, fate: "refused" as const } : world
  return dispatch(told, entry.run, { _tag: "MarkerRefused", rejection: notLeader })
}

function acknowledged(dispatch: Dispatch, world: World, marker: Entry): World | undefined {
  if (marker.kind !== "marker") return undefined
  const log = world.log.map((entry) =>
    entry === marker ? { ...marker, isAcknowledged: true } : entry
  )
  return dispatch({ ...world, log }, marker.run, { _tag: "MarkerAppended", index })
}

function applied(dispatch: Dispatch, world: World, entry: Entry): World {
  switch (entry.kind) {
    case "user":
      return settled(world, entry.term)
    case "rotate":
      return { ...world, key: 2 }
    case "noop": {
      const isOwn = world.role === "unready" && entry.term === world.term
      return isOwn ? { ...world, role: "leader" } : world
    }
    case "marker": {
      const isStale = entry.key !== world.key
      const isCurrent = entry.run === world.run
      const fate = isCurrent ? (isStale ? "stale" : "applied") : world.fate
      const after = isStale
        ? { ...world, fate }
        : { ...world, fate, isCutOver: true, isFlagSet: true }
      const outcome = isStale
        ? ({ _tag: "Stale" } as const)
        : ({ _tag: "CutOver", cutoverIndex: index } as const)
      return dispatch(after, entry.run, { _tag: "MarkerApplied", outcome })
    }
  }
}

/** Whoever waits is told; users whose proposals are gone settle. */
function stopped(rule: Rules, dispatch: Dispatch, world: World): World {
  const log = world.log.map(unowned)
  let next: World = { ...world, role: "stopped", queue: [], inbox: [], log }
  for (const term of world.queue) next = settled(next, term)
  for (const entry of [...world.inbox, ...world.log]) {
    if (entry.kind === "user") next = settled(next, entry.term)
    if (entry.kind === "marker") next = dispatch(next, entry.run, { _tag: "TermLeft" })
  }
  return rule.isDrained(next.barrier) && next.machine._tag === "Draining"
    ? drained(dispatch, next)
    : next
}

/** Nobody waits for it any more: its proposer was another opening. */
const unowned = (entry: Entry): Entry => {
  if (entry.kind === "marker") return { ...entry, run: 0, isAcknowledged: true }
  return entry.kind === "user" ? { ...entry, term: 0 } : entry
}

/**
 * SPEC §13: the flag is what the applied state says, and the state may be behind the log. What was
 * not durable is gone: see `truncated`, which a follower may meet right away.
 */
function startEvents(rule: Rules, world: World): ReadonlyArray<Event> {
  const { key, log, run, starts, term } = world
  if (starts === rule.startsMax) return []
  const barrier = Barrier.enterTerm(Barrier.initial, term as Term)
  const ends = run === 0 ? 0 : 1
  const known = { ...start, role: "follower", term, barrier, key, run, ends } as const
  const begun: World = { ...known, starts: starts + 1, log }
  // Applied once, so committed: of the last term, for nobody replaces it.
  const marker: Entry = { kind: "marker", term: termsMax, key, run: 0, isAcknowledged: true }
  const { isCutOver } = world
  return [
    ["starts", { ...begun, isCutOver, isFlagSet: isCutOver }],
    ["starts behind the log", isCutOver ? { ...begun, log: [marker, ...log] } : undefined]
  ]
}

function clusterEvents(rule: Rules, dispatch: Dispatch, world: World): ReadonlyArray<Event> {
  const { log, role, term } = world
  const isFollower = role === "follower"
  const mayGoOn = term < termsMax
  const last = log.at(-1)
  const isReplaceable = isFollower && last !== undefined && last.term < term
  const mayBeSent = isFollower && !world.isCutOver && markers(world).length === 0
  const sent: Entry = { kind: "marker", term, key: world.key, run: 0, isAcknowledged: true }
  return [
    ["steps down", leads(world) ? followed(rule, dispatch, world, term) : undefined],
    ["hears a later term", mayGoOn ? followed(rule, dispatch, world, term + 1) : undefined],
    ["elected", isFollower && mayGoOn ? elected(rule, world) : undefined],
    ["truncated", isReplaceable ? { ...world, log: log.slice(0, -1) } : undefined],
    ["is sent a marker", mayBeSent ? { ...world, log: [...log, sent] } : undefined]
  ]
}

/** As the driver does it: intake shuts first, then the barrier and those who wait hear of it. */
function followed(rule: Rules, dispatch: Dispatch, world: World, term: number): World {
  const hasLed = leads(world)
  const heard = rule.enterTerm(world.barrier, term as Term)
  const barrier = hasLed ? rule.enterTerm(heard, (world.term + 1) as Term) : heard
  let next: World = { ...world, role: "follower", term, barrier }
  if (!hasLed) return next
  for (const entry of world.log) {
    if (entry.kind === "marker") next = dispatch(next, entry.run, { _tag: "TermLeft" })
  }
  return next
}

const elected = (rule: Rules, world: World): World => {
  const term = world.term + 1
  return {
    ...world,
    role: rule.awaitsNoop ? "unready" : "leader",
    term,
    barrier: rule.enterTerm(world.barrier, term as Term),
    log: [...world.log, { kind: "noop", term }]
  }
}
