/**
 * Everything that can refuse a cutover without a side effect, in the order of SPEC §12.
 *
 * Asked twice: before the capability gate, and again in the turn in which the barrier closes, because
 * the gate takes its time. What must never happen: a run that starts beside another, in another term
 * than the gate was asked in, or for another DEK. Proof: `test/domain/cutover/Preflight.test.ts`.
 */
import {
  CutoverInFlight,
  EncryptionNotBootstrapped,
  RaftDekChanged,
  StorageEnvelopeNotEnabled
} from "../encryption/Errors.ts"
import type { SidecarState } from "../encryption/SidecarState.ts"
import {
  type LeaderNotReady,
  type NodeStopped,
  NotLeader,
  type SpaceLow
} from "../engine/Errors.ts"
import type { KeyId, LogIndex, Term } from "../Ids.ts"
import { type CutoverState, isInFlight } from "./CutoverMachine.ts"

/** What is known at one moment. */
export interface Facts {
  readonly state: CutoverState
  /** May proposals come in, and in which term? */
  readonly intake:
    | { readonly _tag: "Open"; readonly term: Term }
    | { readonly _tag: "Shut"; readonly reason: NotLeader | LeaderNotReady | NodeStopped }
  readonly sidecar: SidecarState
  /** Does a marker count in this node's log (SPEC §10)? */
  readonly markerCounts: boolean
  /** Why the disk has no room for the administration, if so (SPEC §8). */
  readonly spaceLow: SpaceLow | undefined
}

/** What the marker will carry. */
export interface Ready {
  readonly _tag: "Ready"
  readonly term: Term
  readonly raftKeyId: KeyId
}

export type Refusal =
  | CutoverInFlight
  | NotLeader
  | LeaderNotReady
  | NodeStopped
  | EncryptionNotBootstrapped
  | StorageEnvelopeNotEnabled
  | RaftDekChanged
  | SpaceLow

export type Decision =
  | Ready
  | { readonly _tag: "AlreadyActive"; readonly cutoverIndex: LogIndex }
  | { readonly _tag: "Refused"; readonly refusal: Refusal }

export function decide({ intake, markerCounts, sidecar, spaceLow, state }: Facts): Decision {
  const { active, raftEnvelopeCutoverIndex: cutoverIndex, storageEnvelopeIndex } = sidecar
  if (isInFlight(state)) return refused(new CutoverInFlight({}))
  if (intake._tag === "Shut") return refused(intake.reason)
  if (cutoverIndex !== 0) return { _tag: "AlreadyActive", cutoverIndex }
  if (active.raft === 0) return refused(new EncryptionNotBootstrapped({}))
  if (storageEnvelopeIndex === 0) return refused(new StorageEnvelopeNotEnabled({}))
  if (markerCounts) return refused(new CutoverInFlight({}))
  if (spaceLow !== undefined) return refused(spaceLow)
  return { _tag: "Ready", term: intake.term, raftKeyId: active.raft }
}

/** May what was decided before the gate begin now? */
export function decideAgain(before: Ready, facts: Facts): Decision {
  const now = decide(facts)
  if (now._tag !== "Ready") return now
  const refusal = leadershipRefusal(before, facts.intake)
  if (refusal !== undefined) return refused(refusal)
  return now.raftKeyId === before.raftKeyId ? now : refused(new RaftDekChanged({}))
}

/** Why what was decided is not to be proposed any more: the node leads no longer in that term. */
export function leadershipRefusal(
  { term }: Ready,
  intake: Facts["intake"]
): NotLeader | LeaderNotReady | NodeStopped | undefined {
  if (intake._tag === "Shut") return intake.reason
  // It leads in a later term: whoever asks again finds it.
  return intake.term === term ? undefined : new NotLeader({ leader: undefined })
}

const refused = (refusal: Refusal): Decision => ({ _tag: "Refused", refusal })
