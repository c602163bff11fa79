/**
 * The cutover: from plaintext to sealed entries, live, at one exact index (SPEC §12).
 *
 * Decisions are those of `domain/cutover/CutoverMachine`. Proof: `test/layers/Cutover.test.ts`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { CutoverState } from "../domain/cutover/CutoverMachine.ts"
import type { CutoverTimings } from "../domain/cutover/CutoverTimings.ts"
import type {
  CapabilityCheckFailed,
  CutoverInFlight,
  CutoverOutcomeUnknown,
  DrainTimedOut,
  EncryptionNotBootstrapped,
  RaftDekChanged,
  StorageEnvelopeNotEnabled
} from "../domain/encryption/Errors.ts"
import type {
  LeaderLost,
  LeaderNotReady,
  NodeStopped,
  NotLeader,
  SpaceLow
} from "../domain/engine/Errors.ts"
import type { LogIndex } from "../domain/Ids.ts"
import type { MembershipChangeInProgress } from "../domain/members/Errors.ts"
import type { Surveyed } from "./CapabilityGate.ts"
import type { ProposeRejection } from "./RaftEngine.ts"

export interface CutoverDone {
  readonly cutoverIndex: LogIndex
  readonly wasAlreadyActive: boolean
  /** How long user proposals were held off; 0 if it was already active. */
  readonly barrierClosedMillis: number
}

/** What a cutover would have met. */
export interface CutoverRehearsal {
  /** Of a cutover that has happened already; nobody is asked then. */
  readonly cutoverIndex: LogIndex | undefined
  /** Every member, and what it answered. */
  readonly nodes: ReadonlyArray<Surveyed>
}

export type CutoverFailure =
  | NotLeader
  | LeaderNotReady
  | NodeStopped
  | ProposeRejection
  | CutoverInFlight
  | SpaceLow
  | EncryptionNotBootstrapped
  | StorageEnvelopeNotEnabled
  | CapabilityCheckFailed
  | MembershipChangeInProgress
  | DrainTimedOut
  | RaftDekChanged
  /** The marker may be in the log of some node; it resolves by itself, ask again for the outcome. */
  | CutoverOutcomeUnknown

export class Cutover extends Context.Service<
  Cutover,
  {
    /** Phase 1 → 2. Idempotent; interruption never opens the barrier early. */
    readonly enableRaftEnvelope: Effect.Effect<CutoverDone, CutoverFailure>
    /**
     * Everything that comes before the barrier, and nothing else: nothing is proposed. Refused as the
     * cutover would be, but for nodes that cannot take part: those are in the answer.
     */
    readonly dryRun: Effect.Effect<CutoverRehearsal, CutoverFailure | LeaderLost>
    readonly state: () => CutoverState
    /** Of the run in hand, else of the last one that this opening has run. */
    readonly timings: () => CutoverTimings | undefined
  }
>()("sealog/Cutover") {}
