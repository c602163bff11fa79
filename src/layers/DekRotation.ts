/**
 * Rotating a DEK on the leader: decided by `domain/encryption/Rotation`, drawn here, proposed in the
 * term in which it was decided (SPEC §18).
 *
 * Asks no gate: whoever has DEKs has the KEK they are wrapped under (SPEC §17). What must never happen:
 * two rotations for one that was asked for. So the command names the DEK it replaces, and is stale once
 * that has happened; and whoever is not told what became of it is told that name. Proof:
 * `test/layers/DekRotation.test.ts`, `test/layers/DekRotationCluster.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Command from "../domain/encryption/Command.ts"
import { EncryptionNotBootstrapped, RotationOutcomeUnknown } from "../domain/encryption/Errors.ts"
import * as Rotation from "../domain/encryption/Rotation.ts"
import * as Sidecar from "../domain/encryption/SidecarState.ts"
import type { KeyId, Term } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import { Applier } from "../services/Applier.ts"
import { Coordinator } from "../services/Coordinator.ts"
import type { DekRotated, EncryptionAdmin, RotateFailure } from "../services/EncryptionAdmin.ts"
import { Keystore } from "../services/Keystore.ts"
import { QuiescenceBarrier } from "../services/QuiescenceBarrier.ts"
import { RaftEngine } from "../services/RaftEngine.ts"
import * as LeadingTerm from "./LeadingTerm.ts"

/** Draws of an id that another key was given meanwhile: one in four milliards each. */
const takenTimesMax = 8

type Methods = Pick<EncryptionAdmin["Service"], "rotateDek" | "activeDek">

export const make = Effect.gen(function* () {
  const applier = yield* Applier
  const barrier = yield* QuiescenceBarrier
  const engine = yield* RaftEngine
  const leading = yield* LeadingTerm.make
  const propose = yield* makePropose

  const rotateDek: Methods["rotateDek"] = Effect.fnUntraced(function* ({ purpose, ...given }) {
    const term = yield* leading
    const { sidecar } = applier
    const asked = { purpose, replaces: given.replaces ?? sidecar.active[purpose] }
    const facts = { sidecar, isBarrierClosed: barrier.state().isClosed }
    const decision = Rotation.decide(facts, asked)
    if (decision._tag === "Refused") return yield* Effect.fail(decision.refusal)
    if (decision._tag === "AlreadyRotated") return answerOf(asked, decision, true)
    return yield* propose(asked, term)
  })
  const activeDek: Methods["activeDek"] = (purpose) =>
    Effect.flatMap(engine.readIndex, () => {
      const keyId = applier.sidecar.active[purpose]
      return keyId === 0
        ? Effect.fail(new EncryptionNotBootstrapped({}))
        : Effect.succeed<KeyId>(keyId)
    })
  return { rotateDek, activeDek } satisfies Methods
})

/** Draws a DEK and proposes it; returns what applying it did. */
const makePropose = Effect.gen(function* () {
  const applier = yield* Applier
  const coordinator = yield* Coordinator
  const drawn = yield* makeDrawn
  const once = Effect.fnUntraced(function* (asked: Rotation.Asked, term: Term) {
    const { body, keyId } = yield* drawn(asked)
    const outcome = yield* coordinator.administer(body, { term })
    return { keyId, outcome }
  })
  return (asked: Rotation.Asked, term: Term): Effect.Effect<DekRotated, RotateFailure> =>
    once(asked, term).pipe(
      Effect.repeat({
        while: ({ outcome }) => outcome._tag === "KeyIdTaken",
        times: takenTimesMax
      }),
      Effect.catchTags({
        // Its entry may be on this disk, or on others': the next leader may commit it.
        NodeStopped: ({ message }) => leftOpen(asked, message),
        ProposalTimedOut: ({ timeoutMillis }) =>
          leftOpen(asked, `no answer within ${timeoutMillis} ms`)
      }),
      Effect.flatMap(({ keyId, outcome }) => {
        const { sidecar } = applier
        if (outcome._tag === "Applied") {
          const index = Sidecar.keyOf(sidecar, keyId)?.createdIndex
          invariant(index !== undefined, "a DEK that has just been made active is known")
          return Effect.succeed(answerOf(asked, { keyId, index }, false))
        }
        // What was decided before it was proposed is decided again from what is applied now.
        const again = Rotation.decide({ sidecar, isBarrierClosed: false }, asked)
        if (again._tag === "Refused") return Effect.fail(again.refusal)
        invariant(
          again._tag === "AlreadyRotated",
          `not rotated, though it could be: ${outcome._tag}`
        )
        return Effect.succeed(answerOf(asked, again, true))
      })
    )
})

const leftOpen = (asked: Rotation.Asked, cause: string) =>
  Effect.fail(new RotationOutcomeUnknown({ ...asked, cause }))

const answerOf = (
  { replaces: replacedKeyId }: Rotation.Asked,
  { index, keyId }: Rotation.Rotated,
  wasAlreadyRotated: boolean
): DekRotated => ({ keyId, index, replacedKeyId, wasAlreadyRotated })

/** A new DEK, and the command that makes it the active one. */
export const makeDrawn = Effect.gen(function* () {
  const applier = yield* Applier
  const keystore = yield* Keystore
  return ({ purpose, replaces }: Rotation.Asked) => {
    const { clusterId, keys } = applier.sidecar
    const taken = new Set<KeyId>(keys.map(({ id }) => id))
    return Effect.map(keystore.draw({ purpose, clusterId, taken }), (drawn) => ({
      keyId: drawn.keyId,
      body: Command.encode({ _tag: "Rotate", purpose, replaces, ...drawn })
    }))
  }
})
