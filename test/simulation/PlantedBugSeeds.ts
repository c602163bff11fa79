/** Which seed catches which planted bug; written by `npm run -s simulate -- --planted`. */
export interface CaughtBy {
  readonly seed: number
  readonly nodes: number
  /** What it violated when it was found. */
  readonly invariant: string
}

export const seeds: Readonly<Record<string, CaughtBy>> = {
  cutsBehindAppend: { seed: 1, nodes: 3, invariant: "I3" },
  answersBeforeSync: { seed: 1, nodes: 3, invariant: "I4" },
  sendsBeforePersisting: { seed: 1, nodes: 3, invariant: "I4" },
  appliesOutOfOrder: { seed: 1, nodes: 3, invariant: "I6" },
  leavesOutEntry: { seed: 1, nodes: 3, invariant: "I6" },
  servesStaleReads: { seed: 1, nodes: 3, invariant: "I10" },
  compactsTooFar: { seed: 2, nodes: 3, invariant: "halt" },
  flagUnsetAtStart: { seed: 5, nodes: 3, invariant: "I12" },
  ignoresCompares: { seed: 3, nodes: 3, invariant: "linearizable" },
  ignoresChecksums: { seed: 5, nodes: 3, invariant: "I2" },
  appliesRetriedTwice: { seed: 2, nodes: 3, invariant: "once" },
  snapshotWithoutSessions: { seed: 2, nodes: 3, invariant: "I6" },
  sealsMarkerItself: { seed: 1, nodes: 3, invariant: "I8" },
  nonceCounterStuck: { seed: 2, nodes: 3, invariant: "I9" },
  zeroMeansAll: { seed: 1, nodes: 3, invariant: "halt" },
  readsMarkerAsSealed: { seed: 1, nodes: 3, invariant: "halt" },
  unwrapsWholeEntry: { seed: 2, nodes: 3, invariant: "halt" },
  skipsFailedEntry: { seed: 2, nodes: 3, invariant: "I6" },
  barrierGatesMarker: { seed: 2, nodes: 3, invariant: "I11" },
  secondMarkerAdmitted: { seed: 1, nodes: 3, invariant: "I7" },
  nonceCounterReset: { seed: 2, nodes: 3, invariant: "I9" },
  barrierLetsUsersIn: { seed: 3, nodes: 3, invariant: "I12" },
  epochNotDurable: { seed: 16, nodes: 3, invariant: "I9" },
  readsBeforeApplied: { seed: 4, nodes: 3, invariant: "linearizable" },
  swallowsWriteErrors: { seed: 6, nodes: 3, invariant: "I4" },
  readsWithoutQuorum: { seed: 29, nodes: 3, invariant: "I10" },
  deletesAnotherKey: { seed: 1, nodes: 3, invariant: "linearizable" },
  appendsWithoutMatch: { seed: 4, nodes: 3, invariant: "I3" },
  flagSetByLeaderOnly: { seed: 7, nodes: 3, invariant: "I12" },
  intakeBeforeNoop: { seed: 20, nodes: 3, invariant: "I12" },
  votesTwice: { seed: 22, nodes: 3, invariant: "I1" },
  ignoresOutgoingVoters: { seed: 22, nodes: 3, invariant: "I4" },
  votesForAnyLog: { seed: 37, nodes: 3, invariant: "I3" },
  snapshotLeavesFlag: { seed: 49, nodes: 3, invariant: "I12" },
  drainNotAwaited: { seed: 58, nodes: 3, invariant: "I7" },
  barrierOpensOnTimeOut: { seed: 63, nodes: 3, invariant: "I12" },
  countsLearners: { seed: 153, nodes: 3, invariant: "I4" },
  guardOff: { seed: 234, nodes: 3, invariant: "I7" },
  flagSetBeforeApply: { seed: 217, nodes: 3, invariant: "I8" }
}
