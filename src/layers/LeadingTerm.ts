/**
 * The term in which this node takes proposals in, or why it does not: what an administrator asks first, and
 * proposes in and no other (SPEC §12, §13). Proof: `test/layers/EncryptionAdminLeader.test.ts`,
 * `test/layers/ClusterAdmin.test.ts`.
 */
import * as Effect from "effect/Effect"
import { RaftEngine } from "../services/RaftEngine.ts"

/** Looked at anew each time it is run. */
export const make = Effect.map(RaftEngine, (engine) =>
  Effect.suspend(() => {
    const intake = engine.intake()
    return intake._tag === "Open" ? Effect.succeed(intake.term) : Effect.fail(intake.reason)
  })
)
