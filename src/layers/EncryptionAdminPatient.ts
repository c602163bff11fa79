/**
 * The encryption administration of a program that has a node inside it: an election is a pause, as it
 * is for operators behind RPC (SPEC §13). Proof: `test/layers/Sealog.test.ts`, and of what is asked for
 * until it is known what became of it, or is not known in time, `test/layers/Forwarding.test.ts` and
 * `test/layers/ForwardingLeftOpen.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { KeyPurpose } from "../domain/encryption/DataKey.ts"
import { RotationOutcomeUnknown } from "../domain/encryption/Errors.ts"
import { EncryptionAdmin } from "../services/EncryptionAdmin.ts"
import type { NodeConfig } from "../services/NodeConfig.ts"
import type { QuiescenceBarrier } from "../services/QuiescenceBarrier.ts"
import * as Patience from "./Patience.ts"

const make = Effect.gen(function* () {
  const admin = yield* EncryptionAdmin
  const { acrossLeaders, duringElection, untilKnown } = yield* Patience.make
  const activeDek = (purpose: KeyPurpose) => duringElection(admin.activeDek(purpose))
  return EncryptionAdmin.of({
    ...admin,
    enableStorageEnvelope: acrossLeaders(admin.enableStorageEnvelope),
    activeDek,
    rotateDek: Effect.fnUntraced(function* ({ purpose, ...given }) {
      // Fixed before the first attempt: whatever becomes of that, no other one rotates another DEK.
      const replaces = given.replaces ?? (yield* activeDek(purpose))
      return yield* untilKnown(admin.rotateDek({ purpose, replaces })).pipe(
        Effect.catchTag("LeaderLost", ({ cause }) =>
          Effect.fail(new RotationOutcomeUnknown({ purpose, replaces, cause }))
        )
      )
    })
  })
})

/** Stands in front of the administration that it requires. */
export const layer: Layer.Layer<
  EncryptionAdmin,
  never,
  EncryptionAdmin | NodeConfig | QuiescenceBarrier
> = Layer.effect(EncryptionAdmin, make)
