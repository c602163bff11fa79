/**
 * The encryption administration of a program that has a node inside it: an election is a pause, as it
 * is for operators behind RPC (SPEC §13). Proof: `test/layers/Sealog.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { EncryptionAdmin } from "../services/EncryptionAdmin.ts"
import type { NodeConfig } from "../services/NodeConfig.ts"
import type { QuiescenceBarrier } from "../services/QuiescenceBarrier.ts"
import * as Patience from "./Patience.ts"

const make = Effect.gen(function* () {
  const admin = yield* EncryptionAdmin
  const { duringElection } = yield* Patience.make
  return EncryptionAdmin.of({
    ...admin,
    enableStorageEnvelope: duringElection(admin.enableStorageEnvelope)
  })
})

/** Stands in front of the administration that it requires. */
export const layer: Layer.Layer<
  EncryptionAdmin,
  never,
  EncryptionAdmin | NodeConfig | QuiescenceBarrier
> = Layer.effect(EncryptionAdmin, make)
