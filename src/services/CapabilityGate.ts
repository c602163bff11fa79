/**
 * Is every member able to take part in encryption (SPEC §14)? Asked before bootstrap and before both
 * enables; nothing is proposed if it fails.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { AskedKey } from "../domain/capability/Challenge.ts"
import type { CapabilityCheckFailed } from "../domain/encryption/Errors.ts"
import type { MembershipChangeInProgress } from "../domain/members/Errors.ts"

export class CapabilityGate extends Context.Service<
  CapabilityGate,
  {
    /**
     * Asks the members of the latest configuration in the log, both halves of a joint one, once it is
     * applied: `MembershipChangeInProgress` if that takes too long. `candidates`: the DEKs that a
     * bootstrap is about to propose, instead of the active ones.
     */
    readonly check: (
      candidates?: ReadonlyArray<AskedKey>
    ) => Effect.Effect<void, CapabilityCheckFailed | MembershipChangeInProgress>
  }
>()("sealog/CapabilityGate") {}
