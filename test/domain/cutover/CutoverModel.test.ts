/**
 * Machine, barrier and a model of the world, in all orders of all events (SPEC §12, §13, §19 I7, I8,
 * I11): every reachable state is visited, and what must hold in each is checked.
 */
import { describe, expect, it } from "vitest"
import * as Barrier from "../../../src/domain/cutover/Barrier.ts"
import * as Machine from "../../../src/domain/cutover/CutoverMachine.ts"
import { NotLeader } from "../../../src/domain/engine/Errors.ts"
import type { LogIndex } from "../../../src/domain/Ids.ts"
import { eventsOf, isProgress } from "./CutoverEvents.ts"
import { type Rules, rules, start, type World } from "./CutoverWorld.ts"

/** Each must have happened, or the model has lost a part of the world. */
const everyEvent = [
  "accept",
  "acknowledge",
  "admit",
  "apply",
  "ask",
  "batch",
  "begin",
  "caller leaves",
  "caller times out",
  "drain times out",
  "drained",
  "elected",
  "hears a later term",
  "is refused",
  "is sent a marker",
  "rotate",
  "steps down",
  "stop",
  "truncated",
  "withdraw"
]

interface Reached {
  readonly world: World
  readonly from: number
  readonly event: string
}

interface Found {
  readonly states: number
  readonly steps: number
  /** Each wrong thing once, with a shortest way to it. */
  readonly wrong: ReadonlyMap<string, string>
  /** How often each event happened. */
  readonly events: ReadonlyMap<string, number>
}

/** Breadth first, so that the way to a wrong state is a shortest one; ends early at `sought`. */
function search(rule: Rules, sought?: string): Found {
  const next = eventsOf(rule)
  const reached: Array<Reached> = [{ world: start, from: -1, event: "start" }]
  const numbers = new Map<string, number>([[keyOf(start), 0]])
  const wrong = new Map<string, string>()
  const events = new Map<string, number>()
  const progress: Array<ReadonlyArray<number>> = []
  let steps = 0
  for (let at = 0; at < reached.length; at++) {
    const { world } = reached[at]!
    const found = world.wrong ?? wrongWith(world)
    if (found !== undefined && !wrong.has(found)) wrong.set(found, wayTo(reached, at))
    if (found !== undefined && found === sought) return { states: at + 1, steps, wrong, events }
    const onward: Array<number> = []
    progress.push(onward)
    // What follows from a wrong state is of no interest.
    if (found !== undefined) continue
    for (const [event, to] of next(world)) {
      steps += 1
      events.set(event, (events.get(event) ?? 0) + 1)
      const key = keyOf(to)
      let number = numbers.get(key)
      if (number === undefined) {
        number = reached.length
        numbers.set(key, number)
        reached.push({ world: to, from: at, event })
      }
      if (isProgress(event)) onward.push(number)
    }
  }
  const stuck = firstStuck(reached, progress)
  if (stuck !== undefined) wrong.set("shut for ever", wayTo(reached, stuck))
  return { states: reached.length, steps, wrong, events }
}

const keyOf = (world: World): string => JSON.stringify(world)

/** The rules that can be seen in a state, between two turns. */
function wrongWith(world: World): string | undefined {
  const { barrier, caller, ends, isCutOver, isFlagSet, machine, role, run } = world
  const isRunning = Machine.isInFlight(machine)
  if (!barrier.isClosed && isCutOver && !isFlagSet) return "open after the marker without the flag"
  if (isFlagSet && !isCutOver) return "the flag is set without a cutover"
  if (barrier.isClosed !== isRunning) return "shut without a run, or open in one"
  if (run > 0 && ends !== (isRunning ? 0 : 1)) return "ended not exactly once"
  if (!isRunning && caller === "waiting") return "a caller waits for a run that is over"
  if (role === "stopped" && barrier.isClosed) return "shut for ever, on a node that has stopped"
  return undefined
}

/** A state from which no steps that happen by themselves lead to an open barrier. */
function firstStuck(
  reached: ReadonlyArray<Reached>,
  progress: ReadonlyArray<ReadonlyArray<number>>
): number | undefined {
  const sources = reached.map((): Array<number> => [])
  for (const [from, onward] of progress.entries()) {
    for (const to of onward) sources[to]!.push(from)
  }
  const opens = reached.map(({ world }) => !world.barrier.isClosed)
  const due = [...opens.keys()].filter((number) => opens[number])
  for (let to = due.pop(); to !== undefined; to = due.pop()) {
    for (const from of sources[to]!) {
      if (opens[from]) continue
      opens[from] = true
      due.push(from)
    }
  }
  const stuck = opens.findIndex((isOpen, number) => !isOpen && !isWrong(reached[number]!.world))
  return stuck < 0 ? undefined : stuck
}

const isWrong = (world: World): boolean =>
  world.wrong !== undefined || wrongWith(world) !== undefined

function wayTo(reached: ReadonlyArray<Reached>, number: number): string {
  const way: Array<string> = []
  for (let at = number; at > 0; at = reached[at]!.from) way.unshift(reached[at]!.event)
  return way.join(" → ")
}

/** The machine, with one decision replaced. */
const planted =
  (
    replaced: (state: Machine.CutoverState, event: Machine.CutoverEvent) => Transition | undefined
  ): typeof Machine.transition =>
  (state, event) =>
    replaced(state, event) ?? Machine.transition(state, event)

type Transition = Machine.Transition

const released: Transition = Machine.transition(
  { _tag: "Draining", term: start.barrier.term },
  { _tag: "CallerLeft" }
)

/** Each rule of SPEC §12 broken on purpose, and what the search must say of it. */
const bugs: Readonly<Record<string, readonly [broken: Partial<Rules>, wrong: string]>> = {
  "opens when the caller leaves": [
    { transition: planted((_, { _tag }) => (_tag === "CallerLeft" ? released : undefined)) },
    "opened early"
  ],
  "opens when the caller's time is over": [
    { transition: planted((_, { _tag }) => (_tag === "CallerTimedOut" ? released : undefined)) },
    "opened early"
  ],
  "opens when the marker is durable, not applied": [
    { transition: planted((_, { _tag }) => (_tag === "MarkerAppended" ? released : undefined)) },
    "opened early"
  ],
  "waits for a marker of a term that it has left": [
    {
      transition: planted((state, { _tag }) =>
        _tag === "TermLeft" ? { state, actions: [] } : undefined
      ),
      usersMax: 0
    },
    "shut for ever"
  ],
  "opens whenever a term begins": [
    { enterTerm: (barrier, term) => Barrier.open(Barrier.enterTerm(barrier, term)) },
    "shut without a run, or open in one"
  ],
  "holds its own marker up at the barrier": [
    {
      admit: (barrier, { term }) => Barrier.admit(barrier, { source: "user", term }),
      usersMax: 0
    },
    "shut for ever"
  ],
  "waits for proposals of a term that it has left": [
    {
      enterTerm: (barrier, term) => ({
        ...Barrier.enterTerm(barrier, term),
        inflightCount: barrier.inflightCount
      })
    },
    "shut for ever"
  ],
  "takes a stale marker for a cutover": [
    {
      transition: planted((state, event) =>
        event._tag === "MarkerApplied" && event.outcome._tag === "Stale"
          ? Machine.transition(state, {
              _tag: "MarkerApplied",
              outcome: { _tag: "CutOver", cutoverIndex: 1 as LogIndex }
            })
          : undefined
      )
    },
    "told CutOver of a marker stale"
  ],
  "takes the end of a term for the end of the marker": [
    {
      transition: planted((state, event) =>
        event._tag === "TermLeft"
          ? Machine.transition(state, {
              _tag: "MarkerRefused",
              rejection: new NotLeader({ leader: undefined })
            })
          : undefined
      )
    },
    "told MarkerRefused of a marker unresolved"
  ],
  "answers a caller that is gone": [
    {
      transition: planted((state, { _tag }) =>
        _tag === "CallerLeft" && Machine.mayBeInLog(state) ? { state, actions: [] } : undefined
      )
    },
    "told who does not wait"
  ],
  "takes users in before its noop is applied": [
    { awaitsNoop: false, isGuarded: false, startsMax: 1 },
    "plain above"
  ],
  "does not wait for the drain": [
    { isDrained: ({ isClosed }) => isClosed, isGuarded: false },
    "plain above"
  ]
}

describe("the cutover and its world (SPEC §12)", () => {
  it("holds every rule in every state", () => {
    const { events, states, steps, wrong } = search(rules)
    console.log(`cutover model: ${states} states, ${steps} steps`)
    expect([...wrong]).toEqual([])
    expect(states).toBe(154_163)
    expect([...events.keys()].sort()).toEqual(everyEvent)
  }, 120_000)

  it("keeps plaintext below the marker and sealed entries above it without the append guard", () => {
    const { states, wrong } = search({ ...rules, isGuarded: false, usersMax: 1 })
    expect([...wrong]).toEqual([])
    expect(states).toBe(46_135)
  }, 120_000)

  it("holds every rule when the node stops and starts again, its state behind its log", () => {
    const { events, states, wrong } = search({ ...rules, usersMax: 1, startsMax: 1 })
    expect([...wrong]).toEqual([])
    expect(states).toBe(59_365)
    expect(events.get("starts behind the log")).toBeGreaterThan(0)
  }, 120_000)

  for (const [name, [broken, wrong]] of Object.entries(bugs)) {
    it(`a planted bug is found: it ${name}`, () => {
      const found = search({ ...rules, usersMax: 1, ...broken }, wrong)
      expect([...found.wrong.keys()]).toContain(wrong)
    }, 120_000)
  }
})
