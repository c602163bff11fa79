/**
 * This node's own answer: what it is, its epoch, and what its keystore proves (SPEC §14).
 *
 * Proof: `test/contracts/MemberChallenge.ts`, `test/e2e/CapabilityGate.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { CapabilityAnswer } from "../domain/capability/CapabilityAnswer.ts"
import * as Formats from "../domain/capability/Formats.ts"
import type { WriterIdentity } from "../domain/encryption/WriterIdentity.ts"
import { version } from "../domain/Version.ts"
import { Capability } from "../services/Capability.ts"
import { Keystore } from "../services/Keystore.ts"
import { Opening } from "../services/Opening.ts"

/** What a node is that answers. */
interface Answering extends WriterIdentity {
  readonly member: CapabilityAnswer["member"]
  readonly newestEpoch: Opening["Service"]["newestEpoch"]
}

/** Of a member, and of a node that is none yet. */
export const answering = (
  keystore: Keystore["Service"],
  { incarnation, member, newestEpoch, nodeName }: Answering
): Capability["Service"] => ({
  answer: ({ keys, requestId, ...question }) =>
    Effect.map(keystore.prove({ ...question, nodeName, incarnation }, keys), (proofs) => {
      const raft = keys.find(({ purpose }) => purpose === "raft")
      const { epoch, takenBy } = raft ? newestEpoch(raft.id) : noEpoch
      return {
        ...{ requestId, nodeName, incarnation, member, epoch, proofs },
        encryption: keystore.encryption,
        epochTakenBy: takenBy,
        softwareVersion: version,
        formats: Formats.own
      }
    })
})

const noEpoch = { epoch: 0, takenBy: undefined }

/** Of a fresh directory that waits to be let in: it has never sealed anything. */
export const ofNewcomer = Effect.map(
  Keystore,
  (keystore) => (node: WriterIdentity) =>
    answering(keystore, { ...node, member: undefined, newestEpoch: () => noEpoch })
)

const make = Effect.gen(function* () {
  const keystore = yield* Keystore
  const { clusterId, incarnation, memberId: id, newestEpoch, nodeName } = yield* Opening
  const member = { clusterId, id }
  return Capability.of(answering(keystore, { nodeName, incarnation, member, newestEpoch }))
})

export const layer: Layer.Layer<Capability, never, Keystore | Opening> = Layer.effect(
  Capability,
  make
)
