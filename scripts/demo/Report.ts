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
  /** Errors that a client got in the end and that say that nothing was written. */
  readonly refused: number
  /** Errors that leave open whether it was. */
  readonly unanswered: number
  /** Of the node where most are lost; so are the two below. */
  readonly lost: number
  readonly wrong: number
  readonly barrierClosedMillis: number
  readonly controlFound: boolean
  readonly canaryInLog: boolean
  readonly canaryInState: boolean
  readonly wasAlreadyActiveOnRetry: boolean
  /** That serve in the end. */
  readonly nodes: number
  readonly leaderChanges: number
  /** Every error that a client got instead of an acknowledgement, whatever it was. */
  readonly clientErrors: number
  /** The longest that any write took until it was acknowledged. */
  readonly pauseMillisMax: number
  /** Since the demonstration began: which of its scenes that was. */
  readonly pauseBeganAtMillis: number
  /** By every node, and nothing was done. */
  readonly dryRunAccepted: boolean
  readonly wrongKekRefused: boolean
  readonly learnerCaughtUp: boolean
  /** Writes that were applied more than once. */
  readonly twice: number
  /** Log, values, keys, writers, sessions and members: the same bytes on all nodes. */
  readonly statesEqual: boolean
  /** Normal entries that are sealed and should not be, or the other way round, in any log. */
  readonly misplacedEntries: number
  readonly elapsedMillis: number
}

export const acknowledgedMin = 2_000
export const acknowledgedPerSideMin = 500
export const nodeCount = 3

/** One sentence for each thing that is not as it must be. */
export const shortcomings = (report: Report): ReadonlyArray<string> => {
  const { acknowledgedAfterCutover: after, acknowledgedBeforeCutover: before } = report
  const expectations: ReadonlyArray<readonly [holds: boolean, otherwise: string]> = [
    [report.phase === 2, `the cluster is in phase ${report.phase}, not 2`],
    [report.lost === 0, `${report.lost} acknowledged writes are lost`],
    [report.wrong === 0, `${report.wrong} acknowledged writes have another value`],
    [report.twice === 0, `${report.twice} writes were applied twice`],
    [report.clientErrors === 0, `clients got ${report.clientErrors} errors`],
    [report.controlFound, "the control value was not found: the scan proves nothing"],
    [!report.canaryInLog, "what was written after the marker is in clear in a log"],
    [!report.canaryInState, "what was written after the marker is in clear in a state"],
    [report.misplacedEntries === 0, `${report.misplacedEntries} entries are on the wrong side`],
    [report.wasAlreadyActiveOnRetry, "the second cutover did not say that it was already active"],
    [report.leaderChanges > 0, "no leader has changed, although one was killed"],
    [report.dryRunAccepted, "the dry run of the cutover was not as it must be"],
    [report.wrongKekRefused, "a node has started with the wrong KEK"],
    [report.learnerCaughtUp, "the wiped node did not catch up by a snapshot"],
    [report.statesEqual, "the states of the nodes differ"],
    [report.nodes === nodeCount, `${report.nodes} nodes served in the end`],
    [report.acknowledged >= acknowledgedMin, `only ${report.acknowledged} writes`],
    [before >= acknowledgedPerSideMin, `only ${before} writes before the cutover`],
    [after >= acknowledgedPerSideMin, `only ${after} writes after the cutover`]
  ]
  return expectations.filter(([holds]) => !holds).map(([, otherwise]) => otherwise)
}

/** The report as one line of JSON: what programs read; the rest is for people. */
export const json = (report: Report): string => {
  const { acknowledgedDuringCutover, elapsedMillis, pauseBeganAtMillis, unanswered, ...read } =
    report
  return JSON.stringify(read)
}

const yesNo = (value: boolean) => (value ? "yes" : "no")

export const text = (report: Report): string =>
  [
    "",
    `phase ${report.phase}, cut over at log index ${report.cutoverIndex}, on each of ${report.nodes} nodes`,
    `  acknowledged writes      ${report.acknowledged}`,
    `    before the cutover     ${report.acknowledgedBeforeCutover}   (answered before it was asked for)`,
    `    while it ran           ${report.acknowledgedDuringCutover}`,
    `    after the cutover      ${report.acknowledgedAfterCutover}   (sent after it was answered)`,
    `  errors of clients        ${report.clientErrors}   (refused ${report.refused}, of open outcome ${report.unanswered})`,
    `  lost on any node         ${report.lost}`,
    `  wrong on any node        ${report.wrong}`,
    `  applied twice            ${report.twice}`,
    `  states of the nodes      ${report.statesEqual ? "equal" : "NOT equal"}`,
    `  barrier closed for       ${report.barrierClosedMillis.toFixed(1)} ms`,
    `  longest write of all     ${report.pauseMillisMax.toFixed(0)} ms, sent at ${(report.pauseBeganAtMillis / 1000).toFixed(2)} s`,
    `  changes of the leader    ${report.leaderChanges}`,
    `  second cutover           ${report.wasAlreadyActiveOnRetry ? "already active, same index" : "NOT as expected"}`,
    `  wrong KEK                ${report.wrongKekRefused ? "refused" : "NOT refused"}`,
    `  wiped node               ${report.learnerCaughtUp ? "caught up by snapshot" : "NOT caught up"}`,
    "in the raw files on disk:",
    `  control of phase 0, where it must be     ${yesNo(report.controlFound)} (must be: the scan works)`,
    `  written after the marker, in a log       ${yesNo(report.canaryInLog)}`,
    `  written after the marker, in a state     ${yesNo(report.canaryInState)}`,
    `  entries on the wrong side of the marker  ${report.misplacedEntries}`,
    `took ${(report.elapsedMillis / 1000).toFixed(1)} s`,
    ""
  ].join("\n")
