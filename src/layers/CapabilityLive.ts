/**
 * This node's own answer: what it is, its epoch, and what its keystore proves (SPEC §14).
 *
 * Proof: `test/e2e/CapabilityGate.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Formats from "../domain/capability/Formats.ts"
import { version } from "../domain/Version.ts"
import { Capability } from "../services/Capability.ts"
import { Keystore } from "../services/Keystore.ts"
import { Opening } from "../services/Opening.ts"

const make = Effect.gen(function* () {
  const keystore = yield* Keystore
  const opening = yield* Opening
  const { clusterId, incarnation, memberId: id, nodeName } = opening
  return Capability.of({
    answer: ({ keys, requestId, ...question }) =>
      Effect.map(keystore.prove({ ...question, nodeName, incarnation }, keys), (proofs) => {
        const raft = keys.find(({ purpose }) => purpose === "raft")
        const { epoch, takenBy } = raft
          ? opening.newestEpoch(raft.id)
          : { epoch: 0, takenBy: undefined }
        return {
          ...{ requestId, nodeName, incarnation, epoch, proofs },
          member: { clusterId, id },
          encryption: keystore.encryption,
          epochTakenBy: takenBy,
          softwareVersion: version,
          formats: Formats.own
        }
      })
  })
})

export const layer: Layer.Layer<Capability, never, Keystore | Opening> = Layer.effect(
  Capability,
  make
)
