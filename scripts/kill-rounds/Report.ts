/** What the kill rounds observed, and whether it is what it must be. */
import * as Plan from "./Plan.ts"

export interface Report {
  readonly rounds: number
  readonly lives: number
  readonly acknowledged: number
  /** Of the round in which the fewest were. */
  readonly acknowledgedInRoundMin: number
  /** Writes without an answer at a kill, and what was found of those whose key was read. */
  readonly open: number
  readonly openFoundNew: number
  readonly openFoundOld: number
  readonly refused: number
  readonly startsKilled: number
  readonly kills: Readonly<Record<Plan.Course, number>>
  readonly lost: number
  readonly wrong: number
  readonly examples: ReadonlyArray<string>
  /** Everything else that is not as it must be, one sentence each. */
  readonly complaints: ReadonlyArray<string>
}

/** One sentence for each thing that is not as it must be. */
export const shortcomings = (report: Report): ReadonlyArray<string> => {
  const { acknowledgedPerRoundMin: least } = Plan
  const missed = Plan.courses.filter((course) => report.kills[course] === 0)
  const isLongEnough = report.rounds >= Plan.courses.length
  return [
    ...report.examples,
    ...(report.lost > 0 ? [`${report.lost} acknowledged writes are lost`] : []),
    ...(report.wrong > 0 ? [`${report.wrong} keys have a value they must not have`] : []),
    ...(report.acknowledgedInRoundMin < least
      ? [`a round had only ${report.acknowledgedInRoundMin} acknowledged writes, not ${least}`]
      : []),
    ...(isLongEnough ? missed.map((course) => `no kill in ${course}`) : []),
    ...report.complaints
  ]
}

export const text = (report: Report): string =>
  [
    `killed in: ${Plan.courses.map((course) => `${course} ${report.kills[course]}`).join(", ")}; while starting ${report.startsKilled}`,
    `without an answer at a kill: ${report.open}, of which ${report.openFoundNew} were found written and ${report.openFoundOld} not; refused: ${report.refused}`,
    `fewest acknowledged in a round: ${report.acknowledgedInRoundMin}`,
    `rounds ${report.rounds}, acknowledged ${report.acknowledged}, lost ${report.lost}, wrong ${report.wrong}`
  ].join("\n")
