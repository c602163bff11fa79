/**
 * Which invariants a planted bug breaks: it is caught if one of these names it. Another one that breaks
 * first in some run, or a simulation that fails by itself, shows nothing of the bug.
 *
 * Proof: `PlantedBugs.test.ts`.
 */

/** Of SPEC §19, and what else the simulator looks at; not its own failures. */
export type Invariant =
  | `I${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12}`
  | "gate"
  | "halt"
  | "linearizable"
  | "liveness"
  | "once"

type Broken = ReadonlyArray<Invariant>

/** What is committed is lost, or another entry is committed in its place. */
const lost: Broken = ["I3", "I4", "I5"]
/** A value in clear above the marker. */
const plain: Broken = ["I7", "I12"]

export const breaks: Readonly<Record<string, Broken>> = {
  votesTwice: ["I1"],
  votesForAnyLog: lost,
  appendsWithoutMatch: ["I2", ...lost],
  cutsBehindAppend: lost,
  readsWithoutQuorum: ["I10"],
  countsLearners: lost,
  commitsEarlierTerms: lost,
  ignoresOutgoingVoters: lost,
  refusesWithoutCommitted: ["liveness"],
  learnsCommittedOfAnyTerm: lost,
  guardOff: plain,
  sealsMarkerItself: ["I8"],
  flagUnsetAtStart: plain,
  flagSetByLeaderOnly: plain,
  snapshotLeavesFlag: plain,
  flagSetBeforeApply: ["I8"],
  staleMarkerSetsFlag: ["I8"],
  secondMarkerAdmitted: ["I7"],
  intakeBeforeNoop: plain,
  proposalNotBoundToTerm: plain,
  drainNotAwaited: plain,
  barrierLetsUsersIn: plain,
  barrierOpensOnTimeOut: plain,
  barrierGatesMarker: ["I11"],
  releaseNotBoundToTerm: ["I11"],
  truncatedMarkerCounts: ["liveness"],
  compactedMarkerForgotten: plain,
  gateLeavesLearnersOut: ["gate"],
  gateTakesAnyProof: ["gate"],
  readsMarkerAsSealed: ["halt"],
  zeroMeansAll: ["halt"],
  unwrapsWholeEntry: ["halt"],
  cutoverReadPerBatch: ["halt"],
  skipsFailedEntry: ["I6"],
  staleMarkerCutsOver: ["I8"],
  snapshotWithoutCutover: ["I6"],
  sealsBeforeCommitted: ["I9"],
  nonceCounterStuck: ["I9"],
  nonceCounterReset: ["I9"],
  epochNotDurable: ["I9"],
  equalEpochAccepted: ["I9"],
  reusedProposalId: ["I10", "linearizable", "once"],
  forgetsVote: ["I1"],
  answersBeforeSync: lost,
  swallowsWriteErrors: lost,
  swallowsStateErrors: ["I6"],
  /** A log that begins above its state does not open. */
  compactsTooFar: ["halt"],
  sendsBeforePersisting: lost,
  appliesOutOfOrder: ["I6"],
  leavesOutEntry: ["I6"],
  readsBeforeApplied: ["I10"],
  servesStaleReads: ["I10"],
  /** What is damaged is not what anybody has written, and cannot be applied. */
  ignoresChecksums: ["I6", "halt"],
  appliesRetriedTwice: ["linearizable", "once"],
  ignoresCompares: ["linearizable"],
  deletesAnotherKey: ["linearizable"],
  snapshotWithoutSessions: ["I6"]
}
