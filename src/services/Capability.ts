/** What this node answers a leader that asks whether it can take part in encryption (SPEC §14). */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { CapabilityAnswer } from "../domain/capability/CapabilityAnswer.ts"
import type { Challenge } from "../domain/capability/Challenge.ts"

export class Capability extends Context.Service<
  Capability,
  { readonly answer: (challenge: Challenge) => Effect.Effect<CapabilityAnswer> }
>()("sealog/Capability") {}
