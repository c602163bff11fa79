/**
 * What the capability gate refuses: every node that cannot take part, with its reason (SPEC §14).
 *
 * Proof: `test/layers/CapabilityGate.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Verdict from "../domain/capability/Verdict.ts"
import { CapabilityCheckFailed } from "../domain/encryption/Errors.ts"
import type { Surveyed } from "../services/CapabilityGate.ts"

export const unlessAble = (
  surveyed: ReadonlyArray<Surveyed>
): Effect.Effect<void, CapabilityCheckFailed> => {
  const nodes = Verdict.refused(surveyed)
  return nodes.length > 0 ? Effect.fail(new CapabilityCheckFailed({ nodes })) : Effect.void
}
