/**
 * Is every member able to take part in encryption (SPEC §14)? Asked before bootstrap and before both
 * enables; nothing is proposed if it fails.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { CapabilityReason } from "../domain/capability/Reason.ts"
import type { CapabilityCheckFailed } from "../domain/encryption/Errors.ts"
import type { NodeName } from "../domain/Ids.ts"
import type { MembershipChangeInProgress } from "../domain/members/Errors.ts"

/** What one node answered. */
export interface Surveyed {
  readonly nodeName: NodeName
  /** `undefined` if nothing was answered. */
  readonly softwareVersion: string | undefined
  /** `undefined`: it can take part. */
  readonly reason: CapabilityReason | undefined
}

export class CapabilityGate extends Context.Service<
  CapabilityGate,
  {
    /**
     * Asks the members of the latest configuration in the log, both halves of a joint one, once it is
     * applied: `MembershipChangeInProgress` if that takes too long. Each proves the active DEKs, or if
     * there are none, that it could use such.
     */
    readonly survey: Effect.Effect<ReadonlyArray<Surveyed>, MembershipChangeInProgress>
    /** The same, refused if any of them cannot take part. */
    readonly check: Effect.Effect<void, CapabilityCheckFailed | MembershipChangeInProgress>
  }
>()("sealog/CapabilityGate") {}
