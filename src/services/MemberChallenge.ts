/**
 * The way to another node with a question of what it can do (SPEC §14): a member, or one that waits to
 * become one.
 *
 * What must never happen: an answer to another question taken for the one to this. How long to wait is
 * for the caller to say. Proof: `test/contracts/MemberChallenge.ts`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { CapabilityAnswer } from "../domain/capability/CapabilityAnswer.ts"
import type { Challenge } from "../domain/capability/Challenge.ts"
import type { UnreachableDetail } from "../domain/capability/Reason.ts"
import type { Candidate } from "./CapabilityGate.ts"

export class MemberChallenge extends Context.Service<
  MemberChallenge,
  {
    /** Fails with why there is no answer. What is answered is not judged here, nor who answers. */
    readonly ask: (
      node: Candidate,
      challenge: Challenge
    ) => Effect.Effect<CapabilityAnswer, UnreachableDetail>
  }
>()("sealog/MemberChallenge") {}
