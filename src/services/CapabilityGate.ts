/**
 * Is every member able to take part in encryption (SPEC §14)? Asked before bootstrap and before both
 * enables; nothing is proposed if it fails.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { CapabilityCheckFailed } from "../domain/encryption/Errors.ts"

export class CapabilityGate extends Context.Service<
  CapabilityGate,
  { readonly check: Effect.Effect<void, CapabilityCheckFailed> }
>()("sealog/CapabilityGate") {}
