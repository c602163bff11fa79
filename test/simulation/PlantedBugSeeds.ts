/** Which seed catches which planted bug; written by `npm run -s simulate -- --planted`. */
export interface CaughtBy {
  readonly seed: number
  readonly nodes: number
  /** What it violated when it was found. */
  readonly invariant: string
}

export const seeds: Readonly<Record<string, CaughtBy>> = {
  appendsWithoutMatch: { seed: 6, nodes: 3, invariant: "I2" },
  cutsBehindAppend: { seed: 3, nodes: 3, invariant: "I3" },
  answersBeforeSync: { seed: 1, nodes: 3, invariant: "I4" },
  swallowsWriteErrors: { seed: 5, nodes: 3, invariant: "I4" },
  compactsTooFar: { seed: 1, nodes: 3, invariant: "halt" },
  sendsBeforePersisting: { seed: 1, nodes: 3, invariant: "I4" },
  appliesOutOfOrder: { seed: 1, nodes: 3, invariant: "I6" },
  leavesOutEntry: { seed: 1, nodes: 3, invariant: "I6" },
  readsBeforeApplied: { seed: 9, nodes: 3, invariant: "I10" },
  servesStaleReads: { seed: 1, nodes: 3, invariant: "I10" },
  appliesRetriedTwice: { seed: 7, nodes: 3, invariant: "once" },
  snapshotWithoutSessions: { seed: 1, nodes: 3, invariant: "I6" },
  votesTwice: { seed: 51, nodes: 3, invariant: "I1" },
  readsWithoutQuorum: { seed: 23, nodes: 3, invariant: "I10" },
  ignoresChecksums: { seed: 152, nodes: 3, invariant: "I6" },
  countsLearners: { seed: 14, nodes: 3, invariant: "I4" },
  votesForAnyLog: { seed: 13, nodes: 3, invariant: "liveness" },
  ignoresOutgoingVoters: { seed: 58, nodes: 3, invariant: "I4" },
  forgetsVote: { seed: 402, nodes: 3, invariant: "I1" }
}
