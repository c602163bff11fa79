/**
 * The faults of an episode, drawn from its seed before anything starts.
 *
 * A plan says what, when and for how long; which node that is in the end also depends on who leads then,
 * as real processes decide that. Proof: `test/e2e/NemesisPlan.test.ts`.
 */
import { seededNumbers } from "../../test/support/SeededNumbers.ts"

/**
 * `away`: killed until the log has forgotten what it lacks. `join`: learner, voter, removed again.
 * `replace`: a member leaves for good, and a new node takes its place. `clients`: what is wrong is the way
 * between clients and nodes.
 */
export const kinds = [
  ...["kill", "stop", "partition", "one way", "join", "replace", "away"],
  ...["transfer", "slow", "delay", "kill all", "encrypt", "clients"]
] as const satisfies ReadonlyArray<string> as ReadonlyArray<Kind>

export type Kind =
  | "kill"
  | "stop"
  | "partition"
  | "one way"
  | "join"
  | "replace"
  | "away"
  | "transfer"
  | "slow"
  | "delay"
  | "kill all"
  | "encrypt"
  | "clients"

export interface Fault {
  readonly kind: Kind
  /** From the end of the one before, or of the load's beginning. */
  readonly pauseMillis: number
  readonly millis: number
  /** Of the leader, whoever that is then; else of whom the draw says. */
  readonly isOfLeader: boolean
  /** In [0, 1): which node, how slow, lost or held. */
  readonly draw: number
  /** Of `clients`: the way to every node, or to one. */
  readonly isOfAll: boolean
}

export interface Plan {
  readonly seed: number
  readonly nodeCount: 3 | 5
  /** Two things at a time may be wrong: each is a sequence of faults. */
  readonly lanes: ReadonlyArray<ReadonlyArray<Fault>>
}

const faultsPerLane = 3
/** There is no way back from the phases, so once is enough. */
const repeatable = kinds.filter((kind) => kind !== "encrypt")

/** `nodeCount`: 3 or 5 by the seed unless given. */
export function make(seed: number, nodeCount?: 3 | 5): Plan {
  const numbers = seededNumbers(seed)
  const fault = (kind: Kind): Fault => ({
    kind,
    pauseMillis: 100 + numbers.below(400),
    // About the election time-out of 1 s and more: what is over sooner is hardly noticed.
    millis: 700 + numbers.below(1_300),
    isOfLeader: numbers.next() < 0.5,
    draw: numbers.next(),
    isOfAll: numbers.next() < 0.5
  })
  const drawn = () => fault(repeatable[numbers.below(repeatable.length)]!)
  const size = numbers.next() < 0.6 ? 3 : 5
  // Episodes of seeds that follow each other begin with every kind in turn.
  const first = fault(kinds[seed % kinds.length]!)
  const rest = Array.from({ length: faultsPerLane - 1 }, drawn)
  const other = Array.from({ length: faultsPerLane }, drawn)
  const isEncrypted = first.kind !== "encrypt" && numbers.next() < 0.4
  return {
    seed,
    nodeCount: nodeCount ?? size,
    lanes: [
      [first, ...rest],
      isEncrypted ? other.with(numbers.below(faultsPerLane), fault("encrypt")) : other
    ]
  }
}

export const describe = ({ lanes, nodeCount, seed }: Plan): string =>
  `seed ${seed}, ${nodeCount} nodes: ${lanes.map((lane) => lane.map(({ isOfLeader, kind }) => (isOfLeader ? `${kind}*` : kind)).join(", ")).join(" | ")}`
