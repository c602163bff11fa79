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

/**
 * Nobody hears anybody, so that all campaign; then two ask a third one for its vote, which loses its power
 * between the one and the other.
 */
export const voterFalls = narrowed({
  keeps: [],
  pace: () => ({ horizonMillis: 2_500, preVote: false, writeMillis: Array(7).fill(0) }),
  adds: (numbers) =>
    [100, 700, 1_300, 1_900].flatMap((atMillis) => [
      { atMillis, fault: { kind: "delay", upTo: 20 + numbers.below(40), millis: 500 } },
      { atMillis, fault: { kind: "oneWay", from: 1, to: 2, millis: 450 } },
      { atMillis, fault: { kind: "oneWay", from: 2, to: 1, millis: 450 } },
      { atMillis, fault: { kind: "partition", node: 3, millis: 300 } },
      ...every(25, 200, numbers, () => ({
        kind: "crash",
        node: 3,
        kept: 1,
        back: numbers.below(4)
      })).map((crash) => ({ ...crash, atMillis: atMillis + 300 + crash.atMillis }))
    ])
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

/**
 * An entry on the disk of one leader that fell, another entry there on that of the next; then the first
 * one leads again, has its old entry on a majority, takes it for committed, and falls before anybody has
 * heard of its new term's (thesis §3.6.2, figure 3.7).
 */
export const leadersFallWithTails = narrowed({
  keeps: [],
  pace: (numbers) => ({
    horizonMillis: 2_500,
    preVote: false,
    messageBytesMax: 1,
    writeMillis: writeMillis(numbers, 4)
  }),
  adds: (numbers) =>
    [100, 1_400].flatMap((atMillis) => {
      const fall = { kind: "leadersFall", count: 1, pauseMillis: numbers.below(10) } as const
      return [
        { atMillis, fault: { ...fall, at: "write" as const, back: 150 + numbers.below(100) } },
        {
          atMillis: atMillis + 60,
          fault: { ...fall, at: "write" as const, back: 450 + numbers.below(200) }
        },
        {
          atMillis: atMillis + 250 + numbers.below(150),
          fault: { ...fall, at: "commit" as const, back: 800 }
        }
      ]
    })
})

/** Leaders are cut off with what they were asked for, soon after they have begun to lead. */
export const leadersAreCutOff = narrowed({
  keeps: [],
  pace: () => ({ horizonMillis: 1_500, writeMillis: Array(7).fill(0) }),
  adds: (numbers) =>
    every(200, 1_500, numbers, () => ({
      kind: "partition",
      node: 0,
      millis: 200 + numbers.below(200)
    }))
})

/** Who leads hands over, and leads again soon; the operator cuts over somewhere between. */
export const leadershipGoesRound = narrowed({
  keeps: [],
  pace: (numbers) => ({
    horizonMillis: 1_500,
    operatorMillis: 0,
    writeMillis: writeMillis(numbers, 6)
  }),
  adds: (numbers) =>
    every(60, 1_500, numbers, () => ({ kind: "transfer", to: 1 + numbers.below(2) }))
})

/** A commit of a state fails, and some time later its node loses its power. */
export const stateCommitsFail = narrowed({
  keeps: [],
  pace: () => ({ horizonMillis: 1_500 }),
  adds: (numbers) =>
    [100, 700].flatMap((atMillis) => {
      const node = 1 + numbers.below(3)
      const crash = { kind: "crash", node, kept: 1, back: numbers.below(100) } as const
      return [
        { atMillis, fault: { kind: "stateWriteError", node } },
        { atMillis: atMillis + 100 + numbers.below(300), fault: crash }
      ]
    })
})

/** Voters are replaced all the time, and leaders are cut off meanwhile. */
const replaced = narrowed({
  keeps: [],
  pace: (numbers) => ({ horizonMillis: 2_500, writeMillis: writeMillis(numbers, 20) }),
  adds: (numbers) => [
    { atMillis: 50, fault: { kind: "memberJoins", wrongKekMillis: 0 } },
    { atMillis: 150, fault: { kind: "memberJoins", wrongKekMillis: 0 } },
    ...every(200, 2_500, numbers, () => ({ kind: "membersReplaced", node: 0, count: 2 })),
    ...every(200, 2_500, numbers, () => ({
      kind: "partition",
      node: numbers.below(4),
      millis: 50 + numbers.below(250)
    }))
  ]
})

export const votersAreReplaced = (drawn: Program): Program =>
  replaced({ ...drawn, spares: 2, mode: "safety" })

/** Two voters are replaced in one change, and who leads falls as it commits that, and the next one too. */
const replacedUnheard = narrowed({
  keeps: [],
  pace: () => ({ horizonMillis: 3_500, writeMillis: Array(7).fill(0) }),
  adds: (numbers) =>
    [50, 1_000, 1_600, 2_200, 2_800].flatMap((atMillis) => [
      { atMillis, fault: { kind: "membersReplaced", node: 0, count: 2 } },
      {
        atMillis: atMillis + numbers.below(30),
        fault: {
          kind: "leadersFall",
          count: 2,
          pauseMillis: 0,
          back: 100 + numbers.below(300),
          at: "commit"
        }
      }
    ])
})

export const votersAreReplacedUnheard = (drawn: Program): Program =>
  replacedUnheard({ ...drawn, spares: 2, mode: "safety" })

/** One that joins has the wrong KEK for as long as it learns. */
const learning = narrowed({
  keeps: ["slowDisk", "delay"],
  pace: () => ({ horizonMillis: 1_500 }),
  adds: (numbers) => [
    {
      atMillis: numbers.below(500),
      fault: { kind: "memberJoins", wrongKekMillis: 500 + numbers.below(1_000) }
    }
  ]
})

export const learnerHasWrongKek = (drawn: Program): Program => learning({ ...drawn, spares: 1 })

/** Proposals wait for the disk while the barrier is closed behind them. */
export const slowDisks = narrowed({
  keeps: [],
  pace: (numbers) => ({
    horizonMillis: 900,
    preemptedOnceIn: 20,
    operatorMillis: 0,
    writeMillis: writeMillis(numbers, 40)
  }),
  adds: () => []
})
