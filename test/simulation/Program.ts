/**
 * What happens to a simulated cluster, as data: drawn from the seed before the run, so that it can be
 * printed, and shortened while it still fails.
 */
import type { KeyPurpose } from "../../src/domain/encryption/DataKey.ts"
import { type SeededNumbers, seededNumbers } from "../support/SeededNumbers.ts"
import { type Step, steps } from "./CutoverSteps.ts"

/** A node by its number, or 0 for whoever leads when it comes to that. */
type Target = number

/** It is started again after so many milliseconds, as by a supervisor; else only by another fault. */
type Back = number | undefined

export type Fault =
  /** `kept`: which share of the commits of the state that were not flushed survives. */
  | { readonly kind: "crash"; readonly node: Target; readonly kept: number; readonly back: Back }
  | { readonly kind: "crashOfAll"; readonly kept: number }
  /** In the middle of its next write to the log, which is there afterwards, or is not. */
  | {
      readonly kind: "tornWrite"
      readonly node: Target
      readonly isKept: boolean
      readonly back: Back
    }
  /** Whoever leads loses its power, and after it whoever leads next. */
  | {
      readonly kind: "leadersFall"
      readonly count: number
      readonly pauseMillis: number
      readonly back: Back
      /** As its next write is there, or as it next commits: what it has just sent is lost with it then. */
      readonly at: "write" | "commit"
    }
  | { readonly kind: "restart"; readonly node: Target }
  | { readonly kind: "pause"; readonly node: Target; readonly millis: number }
  | { readonly kind: "loss"; readonly share: number; readonly millis: number }
  | { readonly kind: "delay"; readonly upTo: number; readonly millis: number }
  | { readonly kind: "reorder"; readonly millis: number }
  | { readonly kind: "duplication"; readonly share: number; readonly millis: number }
  | { readonly kind: "partition"; readonly node: Target; readonly millis: number }
  | { readonly kind: "oneWay"; readonly from: Target; readonly to: number; readonly millis: number }
  /** After so many more pieces of snapshots, even once the others have ended: most are sent then. */
  | { readonly kind: "snapshotBreaks"; readonly pieces: number }
  | { readonly kind: "lostAnswers"; readonly millis: number }
  | { readonly kind: "logWriteError"; readonly node: Target }
  | { readonly kind: "stateWriteError"; readonly node: Target }
  | { readonly kind: "flippedBit"; readonly node: Target; readonly at: number }
  | { readonly kind: "drift"; readonly node: Target; readonly rate: number }
  | { readonly kind: "slowDisk"; readonly node: Target; readonly writeMillis: number }
  /** For so long it has less room than users leave free, or than the administration leaves. */
  | {
      readonly kind: "fullDisk"
      readonly node: Target
      readonly millis: number
      readonly isForAdmin: boolean
    }
  /** It is started again with a KEK that is not that of the cluster, and after so long with the right one. */
  | { readonly kind: "wrongKek"; readonly node: Target; readonly millis: number }
  /** The same without any KEK. */
  | { readonly kind: "missingKek"; readonly node: Target; readonly millis: number }
  /** It is started again with the epochs of so many changes ago, and after so long with the newest. */
  | {
      readonly kind: "oldEpochs"
      readonly node: Target
      readonly millis: number
      readonly back: number
    }
  | { readonly kind: "transfer"; readonly to: number }
  /** For so long it has a KEK that is not that of the cluster. */
  | { readonly kind: "memberJoins"; readonly wrongKekMillis: number }
  | { readonly kind: "memberLeaves"; readonly node: Target }
  /** Nodes that have joined take the place of as many others, in one change: a joint configuration. */
  | { readonly kind: "membersReplaced"; readonly node: Target; readonly count: number }
  /** Of the DEK of this purpose. */
  | { readonly kind: "rotation"; readonly purpose: KeyPurpose }
  /** Cuts over as well, and leaves after so long. */
  | { readonly kind: "anotherOperator"; readonly patienceMillis: number }

export type FaultKind = Fault["kind"]
export type FaultOfNode = Extract<Fault, { readonly node: Target }>

export interface TimedFault {
  readonly atMillis: number
  /** It waits, from then on, until this step of the cutover is entered on some node. */
  readonly step?: Step | undefined
  readonly fault: Fault
}

/** How this run goes about it. Some bugs need a fast pace, some a slow one: so each seed has its own. */
export interface Pace {
  /** The faults come in this time. */
  readonly horizonMillis: number
  /** A fibre is stopped after one in so many operations. */
  readonly preemptedOnceIn: number
  /** Entries that go into one append; at least one does. */
  readonly messageBytesMax: number
  /** Without it two candidates of one term meet more often. */
  readonly preVote: boolean
  /** How long each node's disk takes for a write, in milliseconds. */
  readonly writeMillis: ReadonlyArray<number>
  /** When the operator begins, at the earliest. */
  readonly operatorMillis: number
}

export interface Program {
  readonly seed: number
  readonly founders: number
  readonly spares: number
  /** Does everything work again in the end, or a quorum only? */
  readonly mode: "safety" | "liveness"
  readonly pace: Pace
  readonly faults: ReadonlyArray<TimedFault>
}

const faultsMax = 24

type Draw = (numbers: SeededNumbers, nodes: number) => Fault

const oneOf = <A>(numbers: SeededNumbers, values: ReadonlyArray<A>): A =>
  values[numbers.below(values.length)]!
const target = (numbers: SeededNumbers, nodes: number): Target =>
  numbers.below(3) === 0 ? 0 : 1 + numbers.below(nodes)
const millis = (numbers: SeededNumbers) => 50 + numbers.below(oneOf(numbers, [100, 600]))
const share = (numbers: SeededNumbers) => numbers.below(3) / 2
const back = (numbers: SeededNumbers): Back =>
  oneOf(numbers, [undefined, numbers.below(20), numbers.below(400)])

/** Each kind as often as it stands here. */
const draws: ReadonlyArray<readonly [count: number, draw: Draw]> = [
  [4, (n, nodes) => ({ kind: "crash", node: target(n, nodes), kept: share(n), back: back(n) })],
  [1, (n) => ({ kind: "crashOfAll", kept: share(n) })],
  [
    3,
    (n, nodes) => ({
      kind: "tornWrite",
      node: target(n, nodes),
      isKept: n.below(2) === 0,
      back: back(n)
    })
  ],
  [
    1,
    (n) => ({
      kind: "leadersFall",
      count: 2 + n.below(4),
      pauseMillis: n.below(60),
      back: n.below(400),
      at: oneOf(n, ["write", "commit"])
    })
  ],
  [4, (n, nodes) => ({ kind: "restart", node: 1 + n.below(nodes) })],
  [3, (n, nodes) => ({ kind: "pause", node: target(n, nodes), millis: millis(n) })],
  [1, (n) => ({ kind: "loss", share: (1 + n.below(30)) / 100, millis: millis(n) })],
  [1, (n) => ({ kind: "delay", upTo: 20 + n.below(200), millis: millis(n) })],
  [1, (n) => ({ kind: "reorder", millis: millis(n) })],
  [1, (n) => ({ kind: "duplication", share: (1 + n.below(50)) / 100, millis: millis(n) })],
  [4, (n, nodes) => ({ kind: "partition", node: target(n, nodes), millis: millis(n) })],
  [
    2,
    (n, nodes) => ({
      kind: "oneWay",
      from: target(n, nodes),
      to: 1 + n.below(nodes),
      millis: millis(n)
    })
  ],
  [1, (n) => ({ kind: "snapshotBreaks", pieces: n.below(2) })],
  [2, (n) => ({ kind: "lostAnswers", millis: millis(n) })],
  [1, (n, nodes) => ({ kind: "logWriteError", node: target(n, nodes) })],
  [1, (n, nodes) => ({ kind: "stateWriteError", node: target(n, nodes) })],
  [1, (n, nodes) => ({ kind: "flippedBit", node: target(n, nodes), at: n.next() })],
  [1, (n, nodes) => ({ kind: "drift", node: target(n, nodes), rate: 0.7 + n.next() * 0.7 })],
  [2, (n, nodes) => ({ kind: "slowDisk", node: target(n, nodes), writeMillis: n.below(60) })],
  [2, (n, nodes) => ({ kind: "transfer", to: 1 + n.below(nodes) })],
  [
    1,
    (n, nodes) => ({
      kind: "fullDisk",
      node: target(n, nodes),
      millis: 50 + millis(n),
      isForAdmin: n.below(2) === 0
    })
  ],
  [1, (n, nodes) => ({ kind: "wrongKek", node: target(n, nodes), millis: millis(n) })],
  [1, (n, nodes) => ({ kind: "missingKek", node: target(n, nodes), millis: millis(n) })],
  [
    1,
    (n, nodes) => ({
      kind: "oldEpochs",
      node: target(n, nodes),
      millis: 200 + millis(n),
      back: 1 + n.below(3)
    })
  ],
  [2, (n) => ({ kind: "memberJoins", wrongKekMillis: n.below(3) === 0 ? millis(n) : 0 })],
  [1, (n, nodes) => ({ kind: "memberLeaves", node: target(n, nodes) })],
  [1, (n, nodes) => ({ kind: "membersReplaced", node: target(n, nodes), count: 1 + n.below(2) })],
  [2, (n) => ({ kind: "rotation", purpose: n.below(3) === 0 ? "storage" : "raft" })],
  [2, (n) => ({ kind: "anotherOperator", patienceMillis: n.below(oneOf(n, [10, 60, 1_000])) })]
]

const kindOf = (draw: Draw): FaultKind => draw(seededNumbers(1), 3).kind

export const kinds: ReadonlyArray<FaultKind> = draws.map(([, draw]) => kindOf(draw))

/** In one run of two all kinds are in the urn, in the other some: rare ones meet more often then. */
function urnOf(numbers: SeededNumbers): ReadonlyArray<Draw> {
  const isWhole = numbers.below(2) === 0
  const some = draws.filter(([, draw]) => kindOf(draw) === "restart" || numbers.below(3) === 0)
  return (isWhole ? draws : some).flatMap(([count, draw]) =>
    Array.from({ length: count }, () => draw)
  )
}

const paceOf = (numbers: SeededNumbers, mode: Program["mode"], nodes: number): Pace => {
  const slowest = oneOf(numbers, [1, 6, 30])
  return {
    horizonMillis: oneOf(numbers, [900, 1_500, 2_500]),
    preemptedOnceIn: oneOf(numbers, [20, 100, 1_000]),
    messageBytesMax: oneOf(numbers, [1, 200, 1 << 20]),
    preVote: mode === "liveness" || numbers.below(4) > 0,
    writeMillis: Array.from({ length: nodes }, () => numbers.below(slowest)),
    operatorMillis: oneOf(numbers, [0, 100, 400, 800])
  }
}

const longCrash = (numbers: SeededNumbers, founders: number): Fault => ({
  kind: "crash",
  node: 1 + numbers.below(founders),
  kept: 1,
  back: 1_000 + numbers.below(500)
})

/**
 * A minority that is more than the leader needs a fourth voter: where members can change it is aimed at as
 * often as all other steps together.
 */
const aimsOf = (canChange: boolean): ReadonlyArray<Step> => {
  const others = steps.filter((step) => step !== "onMinority")
  return canChange ? [...others, ...others.map(() => "onMinority" as const)] : steps
}
const ofMembers: ReadonlyArray<FaultKind> = ["memberJoins", "memberLeaves", "membersReplaced"]

/**
 * Faults that wait for steps of the cutover. The first two go by the seed, so that a row of seeds
 * aims at each step with each kind in turn; there are more in four runs of five.
 */
function aimedOf(
  numbers: SeededNumbers,
  { founders, seed, spares }: Pick<Program, "founders" | "seed" | "spares">
): ReadonlyArray<TimedFault> {
  const canChange = spares > 0
  const possible = draws.filter(([, draw]) => canChange || !ofMembers.includes(kindOf(draw)))
  const aims = aimsOf(canChange)
  const aimedAt = (number: number): TimedFault => {
    const [, draw] = possible[Math.floor(number / steps.length) % possible.length]!
    return { atMillis: 0, step: steps[number % steps.length], fault: draw(numbers, founders) }
  }
  const first = [aimedAt(seed), aimedAt(7 * seed + 5)]
  const others = Array.from({ length: numbers.below(5) }, () => {
    const [, another] = oneOf(numbers, possible)
    // Mostly at the first attempt, else at a later one.
    const atMillis = numbers.below(4) === 0 ? numbers.below(400) : 0
    return { atMillis, step: oneOf(numbers, aims), fault: another(numbers, founders) }
  })
  const aimed = [...first, ...others]
  // A snapshot is sent to who was away for long.
  const away = aimed.flatMap(({ atMillis, fault, step }) =>
    fault.kind === "snapshotBreaks" ? [{ atMillis, step, fault: longCrash(numbers, founders) }] : []
  )
  const fourth: ReadonlyArray<TimedFault> =
    canChange && aimed.some(({ step }) => step === "onMinority")
      ? [{ atMillis: 0, fault: { kind: "memberJoins", wrongKekMillis: 0 } }]
      : []
  return [...aimed, ...away, ...fourth]
}

export function drawn(seed: number, founders: number): Program {
  // Not the stream that the run itself draws from.
  const numbers = seededNumbers(seed ^ 0x5eed)
  // What a quorum is must be known beforehand.
  const mode = numbers.below(2) === 0 ? "safety" : "liveness"
  const spares = mode === "liveness" || numbers.below(3) === 0 ? 0 : 2
  const nodes = founders + spares
  const pace = paceOf(numbers, mode, nodes)
  const urn = urnOf(numbers)
  const count = 4 + numbers.below(faultsMax - 3)
  const faults: ReadonlyArray<TimedFault> = Array.from({ length: count }, () => ({
    atMillis: numbers.below(pace.horizonMillis),
    fault: urn[numbers.below(urn.length)]!(numbers, nodes)
  }))
  const aimed = aimedOf(numbers, { founders, seed, spares })
  return {
    seed,
    founders,
    spares,
    mode,
    pace,
    faults: [...faults, ...aimed].toSorted((a, b) => a.atMillis - b.atMillis)
  }
}

/** One fault on a line. */
export const text = ({ atMillis, fault, step }: TimedFault): string => {
  const { kind, ...rest } = fault
  const fields = Object.entries(rest).map(([name, value]) => `${name} ${roundedText(value)}`)
  const when = step === undefined ? "" : `, at the next ${step}`
  return `${String(atMillis).padStart(5)} ms${when}  ${[kind, ...fields].join(", ")}`
}

const roundedText = (value: unknown): string =>
  typeof value === "number" ? String(Math.round(value * 100) / 100) : String(value)
