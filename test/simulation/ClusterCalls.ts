/** How the clients of a simulated cluster call it, and what they make of the answers. */
import * as Cause from "effect/Cause"
import { definite } from "../../scripts/nemesis/Recorder.ts"
import { CapabilityCheckFailed } from "../../src/domain/encryption/Errors.ts"

export const settings = {
  tickMillis: 10,
  // Little is kept, so that whoever was away needs a snapshot.
  compactionEntries: 40,
  compactionTailEntries: 10,
  proposalTimeoutMillis: 1_000,
  readTimeoutMillis: 500,
  drainTimeoutMillis: 150,
  cutoverTimeoutMillis: 1_000,
  registrationTimeoutMillis: 500,
  capabilityTimeoutMillis: 100
}

export const tagOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return typeof error === "object" && error !== null && "_tag" in error ? String(error._tag) : "?"
}

/** What the capability gate had against the nodes that it has kept out. */
export const gateReasonsOf = (cause: Cause.Cause<unknown>): ReadonlyArray<string> => {
  const error = Cause.squash(cause)
  return error instanceof CapabilityCheckFailed ? error.nodes.map(({ reason }) => reason._tag) : []
}

/** A write that was refused so is not applied and never will be. */
export const isDefinite = (cause: Cause.Cause<unknown>): boolean => definite.has(tagOf(cause))
