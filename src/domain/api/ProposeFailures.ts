/**
 * What every request that proposes something can fail with, on the wire: one list for both contracts.
 *
 * The failures of `ProposeFailure` of the coordinator, and that of forwarding; a handler does not
 * compile if it can fail with another one.
 */
import { CutoverInFlight } from "../encryption/Errors.ts"
import * as Engine from "../engine/Errors.ts"

/** Of what is not proposed here and now, and of a request whose leader was lost. */
export const rejections = [
  Engine.NotLeader,
  Engine.LeaderNotReady,
  Engine.TooManyProposals,
  Engine.SpaceLow,
  Engine.NodeStopped,
  Engine.LeaderLost,
  CutoverInFlight
] as const

export const proposeFailures = [
  ...rejections,
  Engine.ProposalSuperseded,
  Engine.ProposalTimedOut
] as const
