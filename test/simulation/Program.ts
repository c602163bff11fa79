/**
 * What happens to a simulated cluster, as data: drawn from the seed before the run, so that it can be
 * printed, and shortened while it still fails.
 */
import { type SeededNumbers, seededNumbers } from "../support/SeededNumbers.ts"

/** A node by its number, or 0 for whoever leads when it comes to that. */
type Target = number

export type Fault =
  /** `kept`: which share of the commits of the state that were not flushed survives. */
  | { readonly kind: "crash"; readonly node: Target; readonly kept: number }
  | { readonly kind: "crashOfAll"; readonly kept: number }
  /** In the middle of its next write to the log, which is there afterwards, or is not. */
  | { readonly kind: "tornWrite"; readonly node: Target; readonly isKept: boolean }
  | { readonly kind: "restart"; readonly node: Target }
  | { readonly kind: "pause"; readonly node: Target; readonly millis: number }
  | { readonly kind: "loss"; readonly share: number; readonly millis: number }
  | { readonly kind: "delay"; readonly upTo: number; readonly millis: number }
  | { readonly kind: "reorder"; readonly millis: number }
  | { readonly kind: "duplication"; readonly share: number; readonly millis: number }
  | { readonly kind: "partition"; readonly node: Target; readonly millis: number }
  | { readonly kind: "oneWay"; readonly from: Target; readonly to: number; readonly millis: number }
  | { readonly kind: "lostAnswers"; readonly millis: number }
  | { readonly kind: "logWriteError"; readonly node: Target }
  | { readonly kind: "stateWriteError"; readonly node: Target }
  | { readonly kind: "flippedBit"; readonly node: Target; readonly at: number }
  | { readonly kind: "drift"; readonly node: Target; readonly rate: number }
  | { readonly kind: "slowDisk"; readonly node: Target; readonly writeMillis: number }
  | { readonly kind: "transfer"; readonly to: number }
  | { readonly kind: "memberJoins" }
  | { readonly kind: "memberLeaves"; readonly node: Target }

export type FaultKind = Fault["kind"]

export interface TimedFault {
  readonly atMillis: number
  readonly fault: Fault
}

export interface Program {
  readonly seed: number
  readonly founders: number
  readonly spares: number
  /** Does everything work again in the end, or a quorum only? */
  readonly mode: "safety" | "liveness"
  readonly faults: ReadonlyArray<TimedFault>
}

export const horizonMillis = 2_500
const faultsMax = 24

type Draw = (numbers: SeededNumbers, nodes: number) => Fault

const target = (numbers: SeededNumbers, nodes: number): Target =>
  numbers.below(3) === 0 ? 0 : 1 + numbers.below(nodes)
const millis = (numbers: SeededNumbers) => 50 + numbers.below(600)
const share = (numbers: SeededNumbers) => numbers.below(3) / 2

/** Each kind as often as it stands here. */
const draws: ReadonlyArray<readonly [count: number, draw: Draw]> = [
  [4, (n, nodes) => ({ kind: "crash", node: target(n, nodes), kept: share(n) })],
  [1, (n) => ({ kind: "crashOfAll", kept: share(n) })],
  [2, (n, nodes) => ({ kind: "tornWrite", node: target(n, nodes), isKept: n.below(2) === 0 })],
  [5, (n, nodes) => ({ kind: "restart", node: 1 + n.below(nodes) })],
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
  [2, (n) => ({ kind: "lostAnswers", millis: millis(n) })],
  [1, (n, nodes) => ({ kind: "logWriteError", node: target(n, nodes) })],
  [1, (n, nodes) => ({ kind: "stateWriteError", node: target(n, nodes) })],
  [1, (n, nodes) => ({ kind: "flippedBit", node: target(n, nodes), at: n.next() })],
  [1, (n, nodes) => ({ kind: "drift", node: target(n, nodes), rate: 0.7 + n.next() * 0.7 })],
  [2, (n, nodes) => ({ kind: "slowDisk", node: target(n, nodes), writeMillis: n.below(60) })],
  [2, (n, nodes) => ({ kind: "transfer", to: 1 + n.below(nodes) })],
  [1, () => ({ kind: "memberJoins" })],
  [1, (n, nodes) => ({ kind: "memberLeaves", node: target(n, nodes) })]
]

const urn = draws.flatMap(([count, draw]) => Array.from({ length: count }, () => draw))

export const kinds: ReadonlyArray<FaultKind> = draws.map(
  ([, draw]) => draw(seededNumbers(1), 3).kind
)

export function drawn(seed: number, founders: number): Program {
  // Not the stream that the run itself draws from.
  const numbers = seededNumbers(seed ^ 0x5eed)
  // What a quorum is must be known beforehand.
  const mode = numbers.below(2) === 0 ? "safety" : "liveness"
  const spares = mode === "liveness" || numbers.below(3) === 0 ? 0 : 2
  const count = 4 + numbers.below(faultsMax - 3)
  const faults = Array.from({ length: count }, () => ({
    atMillis: numbers.below(horizonMillis),
    fault: urn[numbers.below(urn.length)]!(numbers, founders + spares)
  }))
  return {
    seed,
    founders,
    spares,
    mode,
    faults: faults.toSorted((a, b) => a.atMillis - b.atMillis)
  }
}

/** One fault on a line. */
export const text = ({ atMillis, fault }: TimedFault): string => {
  const { kind, ...rest } = fault
  const fields = Object.entries(rest).map(([name, value]) => `${name} ${roundedText(value)}`)
  return `${String(atMillis).padStart(5)} ms  ${[kind, ...fields].join(", ")}`
}

const roundedText = (value: unknown): string =>
  typeof value === "number" ? String(Math.round(value * 100) / 100) : String(value)
