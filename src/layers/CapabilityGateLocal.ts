/**
 * The capability gate of a group in one process: this node's own answer (SPEC §14). Members that have
 * peers are asked by `CapabilityGatePeers`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { CapabilityReason } from "../domain/capability/Reason.ts"
import { CapabilityCheckFailed } from "../domain/encryption/Errors.ts"
import { Applier } from "../services/Applier.ts"
import { CapabilityGate } from "../services/CapabilityGate.ts"
import { Keystore } from "../services/Keystore.ts"
import { Opening } from "../services/Opening.ts"

const make = Effect.gen(function* () {
  const applier = yield* Applier
  const keystore = yield* Keystore
  const { nodeName } = yield* Opening

  const reasonOf = (): CapabilityReason | undefined => {
    if (!keystore.hasKek) return { _tag: "EncryptionOff" }
    const { raft, storage } = applier.sidecar.active
    const keyIds = [raft, storage].filter((id) => id !== 0 && keystore.get(id) === undefined)
    return keyIds.length > 0 ? { _tag: "KeyNotHeld", keyIds } : undefined
  }
  return CapabilityGate.of({
    check: () =>
      Effect.suspend(() => {
        const reason = reasonOf()
        return reason === undefined
          ? Effect.void
          : Effect.fail(new CapabilityCheckFailed({ nodes: [{ nodeName, reason }] }))
      })
  })
})

export const layer = Layer.effect(CapabilityGate, make)
