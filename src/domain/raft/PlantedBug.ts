/**
 * Known ways to break Raft, for the tests that must catch them.
 *
 * Each is a switch at the one place where the core keeps the rule. Only tests name one; the tests
 * of `Simulation.test.ts` assert that the checkers notice each.
 */

/** The rule that is broken. */
export type PlantedBug =
  /** A voter grants every vote it is asked for, also a second one in a term (thesis §3.4). */
  | "votesTwice"
  /** A voter does not look at the candidate's log (thesis §3.6.1). */
  | "votesForAnyLog"
  /** A leader counts replicas of an entry of an earlier term (thesis §3.6.2). */
  | "commitsEarlierTerms"
  /** A follower takes an append whatever precedes it, where it has an entry there (thesis §3.5). */
  | "appendsWithoutMatch"
  /** A follower cuts its log behind every append, also a late one (thesis §3.5). */
  | "cutsBehindAppend"
  /** A snapshot takes the place of a log that holds its entry, and of what is above (thesis §5.1). */
  | "snapshotLosesTail"
  /** A leader counts its own copy of an entry before it is persisted (thesis §10.2.1). */
  | "countsItselfUnpersisted"
  /** Of a joint configuration only the half being entered counts (thesis §4.3). */
  | "ignoresOutgoingVoters"
  /** A leader answers a read before a quorum confirmed that it leads (thesis §6.4). */
  | "readsWithoutQuorum"
  /** The copies and the votes of learners count (thesis §4.2.1). */
  | "countsLearners"
  /** A refused candidate takes for committed what it holds at that index, whatever its term (SPEC §13). */
  | "learnsCommittedOfAnyTerm"
  /** A refused candidate is not told what is committed (SPEC §13). */
  | "refusesWithoutCommitted"
