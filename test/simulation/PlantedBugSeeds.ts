/** Which seed catches which planted bug; written by `npm run -s simulate -- --planted`. */
export interface CaughtBy {
  readonly seed: number
  readonly nodes: number
  /** What it violated when it was found. */
  readonly invariant: string
}

export const seeds: Readonly<Record<string, CaughtBy>> = {
  cutsBehindAppend: { seed: 1, nodes: 3, invariant: "I4" },
  answersBeforeSync: { seed: 1, nodes: 3, invariant: "I4" },
  sendsBeforePersisting: { seed: 1, nodes: 3, invariant: "I4" },
  appliesOutOfOrder: { seed: 1, nodes: 3, invariant: "I6" },
  leavesOutEntry: { seed: 1, nodes: 3, invariant: "I6" },
  servesStaleReads: { seed: 1, nodes: 3, invariant: "I10" },
  compactsTooFar: { seed: 2, nodes: 3, invariant: "halt" },
  flagUnsetAtStart: { seed: 5, nodes: 3, invariant: "I12" },
  ignoresCompares: { seed: 2, nodes: 3, invariant: "linearizable" },
  ignoresChecksums: { seed: 5, nodes: 3, invariant: "I2" },
  appliesRetriedTwice: { seed: 2, nodes: 3, invariant: "once" },
  snapshotWithoutSessions: { seed: 2, nodes: 3, invariant: "I6" },
  sealsMarkerItself: { seed: 1, nodes: 3, invariant: "I8" },
  nonceCounterStuck: { seed: 1, nodes: 3, invariant: "I9" },
  zeroMeansAll: { seed: 1, nodes: 3, invariant: "halt" },
  readsMarkerAsSealed: { seed: 1, nodes: 3, invariant: "halt" },
  unwrapsWholeEntry: { seed: 1, nodes: 3, invariant: "halt" },
  skipsFailedEntry: { seed: 2, nodes: 3, invariant: "I6" },
  barrierGatesMarker: { seed: 1, nodes: 3, invariant: "I11" },
  secondMarkerAdmitted: { seed: 1, nodes: 3, invariant: "I7" },
  nonceCounterReset: { seed: 2, nodes: 3, invariant: "I9" },
  barrierLetsUsersIn: { seed: 2, nodes: 3, invariant: "I12" },
  epochNotDurable: { seed: 7, nodes: 3, invariant: "I9" },
  readsBeforeApplied: { seed: 5, nodes: 3, invariant: "I10" },
  swallowsWriteErrors: { seed: 19, nodes: 3, invariant: "I4" },
  readsWithoutQuorum: { seed: 3, nodes: 3, invariant: "I10" }
}
