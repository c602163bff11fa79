/**
 * Applies committed entries and answers what they have made (SPEC §11).
 *
 * Owns the in-memory copy of the replicated encryption state: everybody else reads it here, and sees
 * it change exactly when the applied index does. Proof: `test/domain/apply/Applier.test.ts`.
 */
import * as Context from "effect/Context"
import type { Applier as Shape } from "../domain/apply/Applier.ts"

export class Applier extends Context.Service<Applier, Shape>()("sealog/Applier") {}
