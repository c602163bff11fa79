/** Which seed catches which planted bug; written by `npm run -s simulate -- --planted`. */
export interface CaughtBy {
  readonly seed: number
  readonly nodes: number
  /** What it violated when it was found. */
  readonly invariant: string
}

export const seeds: Readonly<Record<string, CaughtBy>> = {
  appendsWithoutMatch: { seed: 17, nodes: 3, invariant: "I5" },
  cutsBehindAppend: { seed: 3, nodes: 3, invariant: "I4" },
  answersBeforeSync: { seed: 1, nodes: 3, invariant: "I4" },
  swallowsWriteErrors: { seed: 19, nodes: 3, invariant: "I4" },
  compactsTooFar: { seed: 2, nodes: 3, invariant: "halt" },
  sendsBeforePersisting: { seed: 1, nodes: 3, invariant: "I4" },
  appliesOutOfOrder: { seed: 1, nodes: 3, invariant: "I6" },
  leavesOutEntry: { seed: 1, nodes: 3, invariant: "I6" },
  readsBeforeApplied: { seed: 4, nodes: 3, invariant: "I10" },
  servesStaleReads: { seed: 1, nodes: 3, invariant: "I10" },
  appliesRetriedTwice: { seed: 14, nodes: 3, invariant: "once" },
  snapshotWithoutSessions: { seed: 4, nodes: 3, invariant: "I6" },
  votesTwice: { seed: 32, nodes: 3, invariant: "I1" },
  readsWithoutQuorum: { seed: 36, nodes: 3, invariant: "I10" },
  ignoresChecksums: { seed: 7, nodes: 3, invariant: "I2" },
  countsLearners: { seed: 4, nodes: 3, invariant: "I4" },
  votesForAnyLog: { seed: 4, nodes: 3, invariant: "I3" },
  forgetsVote: { seed: 287, nodes: 3, invariant: "I1" },
  ignoresCompares: { seed: 1, nodes: 3, invariant: "linearizable" },
  deletesAnotherKey: { seed: 7, nodes: 3, invariant: "linearizable" },
  ignoresOutgoingVoters: { seed: 464, nodes: 3, invariant: "I4" }
}
