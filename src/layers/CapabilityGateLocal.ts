/**
 * The capability gate of a group in one process: this node's own answer (SPEC §14). Members that have
 * peers are asked by `CapabilityGatePeers`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { CapabilityReason } from "../domain/capability/Reason.ts"
import { PeerNotEncryptionCapable } from "../domain/members/Errors.ts"
import { version as softwareVersion } from "../domain/Version.ts"
import { Applier } from "../services/Applier.ts"
import { CapabilityGate, type Surveyed } from "../services/CapabilityGate.ts"
import { Keystore } from "../services/Keystore.ts"
import { Opening } from "../services/Opening.ts"
import * as CapabilityRefusal from "./CapabilityRefusal.ts"

const make = Effect.gen(function* () {
  const applier = yield* Applier
  const keystore = yield* Keystore
  const { nodeName } = yield* Opening

  const reasonOf = (): CapabilityReason | undefined => {
    if (keystore.encryption === "off") return { _tag: "EncryptionOff" }
    if (keystore.encryption === "withoutKek") return { _tag: "KekMissing" }
    const { raft, storage } = applier.sidecar.active
    const keyIds = [raft, storage].filter((id) => id !== 0 && keystore.get(id) === undefined)
    return keyIds.length > 0 ? { _tag: "KeyNotHeld", keyIds } : undefined
  }
  const survey = Effect.sync(
    (): ReadonlyArray<Surveyed> => [{ nodeName, softwareVersion, reason: reasonOf() }]
  )
  // Nobody comes in from elsewhere: there is nowhere to ask.
  const reason = { _tag: "Unreachable", detail: "noAddress" } as const
  return CapabilityGate.of({
    checkNode: (node) =>
      Effect.fail(new PeerNotEncryptionCapable({ nodeName: node.nodeName, reason })),
    survey,
    check: Effect.flatMap(survey, CapabilityRefusal.unlessAble)
  })
})

export const layer = Layer.effect(CapabilityGate, make)
