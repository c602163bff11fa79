/** What the demonstration observed, for people and for programs, and whether it is what it must be. */

export interface Report {
  readonly phase: number
  readonly cutoverIndex: number
  readonly acknowledged: number
  /** Answered before the cutover was asked for. */
  readonly acknowledgedBeforeCutover: number
  /** Sent after the cutover was answered. */
  readonly acknowledgedAfterCutover: number
  /** On their way while the cutover ran: on either side of it. */
  readonly acknowledgedDuringCutover: number
  readonly refused: number
  /** In flight when the node was killed: nobody was told that they are applied. */
  readonly unanswered: number
  readonly lost: number
  readonly wrong: number
  readonly barrierClosedMillis: number
  readonly longestWriteMillis: number
  readonly controlFound: boolean
  readonly canaryInLog: boolean
  readonly canaryInState: boolean
  readonly wasAlreadyActiveOnRetry: boolean
  readonly elapsedMillis: number
}

export const acknowledgedMin = 2_000
export const acknowledgedPerSideMin = 500

/** One sentence for each thing that is not as it must be. */
export const shortcomings = (report: Report): ReadonlyArray<string> => {
  const expectations: ReadonlyArray<readonly [holds: boolean, otherwise: string]> = [
    [report.phase === 2, `the cluster is in phase ${report.phase}, not 2`],
    [report.lost === 0, `${report.lost} acknowledged writes are lost`],
    [report.wrong === 0, `${report.wrong} acknowledged writes have another value`],
    [report.controlFound, "the control value is not in the log: the scan proves nothing"],
    [!report.canaryInLog, "the canary is in clear in the log"],
    [!report.canaryInState, "the canary is in clear in the state"],
    [report.wasAlreadyActiveOnRetry, "the second cutover did not say that it was already active"],
    [report.acknowledged >= acknowledgedMin, `only ${report.acknowledged} writes`],
    [
      report.acknowledgedBeforeCutover >= acknowledgedPerSideMin,
      `only ${report.acknowledgedBeforeCutover} writes before the cutover`
    ],
    [
      report.acknowledgedAfterCutover >= acknowledgedPerSideMin,
      `only ${report.acknowledgedAfterCutover} writes after the cutover`
    ]
  ]
  return expectations.filter(([holds]) => !holds).map(([, otherwise]) => otherwise)
}

/** The report as one line of JSON: what programs read; the rest is for people. */
export const json = (report: Report): string => {
  const { acknowledgedDuringCutover, elapsedMillis, longestWriteMillis, unanswered, ...read } =
    report
  return JSON.stringify(read)
}

const yesNo = (value: boolean) => (value ? "yes" : "no")

export const text = (report: Report): string =>
  [
    "",
    `phase ${report.phase}, cut over at log index ${report.cutoverIndex}`,
    `  acknowledged writes      ${report.acknowledged}`,
    `    before the cutover     ${report.acknowledgedBeforeCutover}   (answered before it was asked for)`,
    `    while it ran           ${report.acknowledgedDuringCutover}`,
    `    after the cutover      ${report.acknowledgedAfterCutover}   (sent after it was answered)`,
    `  refused                  ${report.refused}`,
    `  in flight at the kill    ${report.unanswered}`,
    `  lost after the restart   ${report.lost}`,
    `  wrong after the restart  ${report.wrong}`,
    `  barrier closed for       ${report.barrierClosedMillis.toFixed(1)} ms (longest write ${report.longestWriteMillis.toFixed(1)} ms)`,
    `  second cutover           ${report.wasAlreadyActiveOnRetry ? "already active, same index" : "NOT as expected"}`,
    "in the raw files on disk:",
    `  control of phase 0 in the log           ${yesNo(report.controlFound)} (must be: the scan works)`,
    `  canary key or value in the log          ${yesNo(report.canaryInLog)}`,
    `  canary value in the state               ${yesNo(report.canaryInState)}`,
    `took ${(report.elapsedMillis / 1000).toFixed(1)} s`,
    ""
  ].join("\n")
