/**
 * What a seed draws, narrowed to what a planted bug needs to show itself: only some kinds of faults, and
 * some aimed where they matter. A sound cluster gets through each of them.
 *
 * Proof: `PlantedBugs.test.ts`, which runs each without the bug too.
 */
import { type SeededNumbers, seededNumbers } from "../support/SeededNumbers.ts"
import type { Step } from "./CutoverSteps.ts"
import type { Fault, FaultKind, Pace, Program, TimedFault } from "./Program.ts"

interface Narrowing {
  /** What else is drawn is left out. */
  readonly keeps: ReadonlyArray<FaultKind>
  readonly adds: (numbers: SeededNumbers) => ReadonlyArray<TimedFault>
  readonly pace?: (numbers: SeededNumbers) => Partial<Pace>
}

const narrowed =
  ({ adds, keeps, pace }: Narrowing) =>
  (drawn: Program): Program => {
    const numbers = seededNumbers(drawn.seed ^ 0xbad)
    const kept = drawn.faults.filter(({ fault }) => keeps.includes(fault.kind))
    return {
      ...drawn,
      pace: { ...drawn.pace, ...pace?.(numbers) },
      faults: [...kept, ...adds(numbers)].toSorted((a, b) => a.atMillis - b.atMillis)
    }
  }

/** So often, a moment more or less. */
const every = (
  millis: number,
  untilMillis: number,
  numbers: SeededNumbers,
  fault: () => Fault,
  step?: Step
): ReadonlyArray<TimedFault> =>
  Array.from({ length: Math.floor(untilMillis / millis) }, (_, at) => ({
    atMillis: at * millis + numbers.below(millis),
    step,
    fault: fault()
  }))

const writeMillis = (numbers: SeededNumbers, most: number) =>
  Array.from({ length: 7 }, () => numbers.below(most))

/** A rotation is on its way while a cutover makes up its mind. */
export const rotationRacesMarker = narrowed({
  keeps: ["slowDisk", "delay"],
  pace: (numbers) => ({
    horizonMillis: 1_500,
    preemptedOnceIn: 20,
    operatorMillis: 0,
    writeMillis: writeMillis(numbers, 30)
  }),
  adds: (numbers) =>
    (["gate", "registration"] as const).flatMap((step) =>
      every(200, 1_400, numbers, () => ({ kind: "rotation", purpose: "raft" }), step)
    )
})

/** Who has voted loses its power, and is asked again by another candidate. */
export const votersFall = narrowed({
  keeps: [],
  pace: () => ({ horizonMillis: 1_500, preVote: false, writeMillis: Array(7).fill(0) }),
  adds: (numbers) => [
    { atMillis: 100, fault: { kind: "delay", upTo: 30 + numbers.below(90), millis: 1_400 } },
    ...every(150, 1_500, numbers, () => ({ kind: "partition", node: 0, millis: 120 })),
    ...every(60, 1_500, numbers, () => ({
      kind: "crash",
      node: 1 + numbers.below(3),
      kept: 1,
      back: numbers.below(10)
    }))
  ]
})

/** Leaders are cut off with tails that nobody else has, and lead again (thesis §3.6.2, figure 3.7). */
export const tailsOfLeaders = narrowed({
  keeps: [],
  pace: (numbers) => ({
    horizonMillis: 2_500,
    preVote: false,
    messageBytesMax: 1,
    writeMillis: writeMillis(numbers, 20)
  }),
  adds: (numbers) => [
    { atMillis: 100, fault: { kind: "delay", upTo: 20 + numbers.below(60), millis: 2_400 } },
    ...every(100, 2_500, numbers, () => ({
      kind: "partition",
      node: 0,
      millis: 100 + numbers.below(250)
    })),
    ...every(250, 2_500, numbers, () => ({
      kind: "crash",
      node: 0,
      kept: 1,
      back: numbers.below(100)
    }))
  ]
})

/** Whoever appends a marker is cut off with it, and leads again later. */
export const markerIsTruncated = narrowed({
  keeps: [],
  pace: () => ({ horizonMillis: 2_500, operatorMillis: 0 }),
  adds: (numbers) => [
    ...every(
      300,
      2_400,
      numbers,
      () => ({ kind: "partition", node: 0, millis: 150 + numbers.below(200) }),
      "appending"
    ),
    ...every(150, 2_500, numbers, () => ({ kind: "transfer", to: 1 + numbers.below(3) }))
  ]
})
