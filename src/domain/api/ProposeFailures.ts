/**
 * What every request that proposes something can fail with, on the wire: one list for both contracts.
 *
 * The same failures as `ProposeFailure` of the coordinator; a handler does not compile if it can fail
 * with another one.
 */
import { CutoverInFlight } from "../encryption/Errors.ts"
import * as Engine from "../engine/Errors.ts"

export const proposeFailures = [
  Engine.NotLeader,
  Engine.LeaderNotReady,
  Engine.TooManyProposals,
  Engine.SpaceLow,
  Engine.ProposalSuperseded,
  Engine.ProposalTimedOut,
  Engine.NodeStopped,
  CutoverInFlight
] as const
