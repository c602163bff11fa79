/**
 * The capability gate of a group with one voter: this node's own answer (SPEC §14). The gate that
 * asks every member comes with the cluster.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { CapabilityCheckFailed } from "../domain/encryption/Errors.ts"
import { Applier } from "../services/Applier.ts"
import { CapabilityGate } from "../services/CapabilityGate.ts"
import { Keystore } from "../services/Keystore.ts"
import { Opening } from "../services/Opening.ts"

const make = Effect.gen(function* () {
  const applier = yield* Applier
  const keystore = yield* Keystore
  const { nodeName } = yield* Opening

  const reasonOf = (): string | undefined => {
    if (!keystore.hasKek) return "no KEK: start the node with --kek-file"
    const { raft, storage } = applier.sidecar.active
    const isMissing = [raft, storage].some((id) => id !== 0 && keystore.get(id) === undefined)
    return isMissing ? "it does not hold an active DEK" : undefined
  }
  return CapabilityGate.of({
    check: Effect.suspend(() => {
      const reason = reasonOf()
      return reason === undefined
        ? Effect.void
        : Effect.fail(new CapabilityCheckFailed({ nodes: [{ node: nodeName, reason }] }))
    })
  })
})

export const layer = Layer.effect(CapabilityGate, make)
