/**
 * The rotation of the raft DEK that a leader begins by itself, before the epochs under it run out
 * (SPEC §6): at the end of a round, one proposal in a term for a DEK.
 *
 * It names the DEK it replaces, as an operator's does, so that of two leaders, or an operator beside, one
 * rotates. What must never happen: a node that stops because a DEK could not be drawn. Proof:
 * `test/layers/DekRotationByItself.test.ts`.
 */
import * as Effect from "effect/Effect"
import type { KeyId } from "../domain/Ids.ts"
import { Telemetry } from "../services/Telemetry.ts"
import * as DekRotation from "./DekRotation.ts"
import type { RaftEngineDriver } from "./RaftEngineDriver.ts"
import { attempt } from "./SynchronousFailure.ts"

export const makeRotate = Effect.fnUntraced(function* (driver: RaftEngineDriver) {
  const drawn = yield* DekRotation.makeDrawn
  const { report } = yield* Telemetry
  return (keyId: KeyId) =>
    Effect.matchEffect(drawn({ purpose: "raft", replaces: keyId }), {
      onSuccess: ({ body }) => attempt(() => driver.rotate(body)),
      onFailure: ({ message: reason }) =>
        Effect.sync(() => report({ _tag: "DekNotRotated", keyId, reason }))
    })
})
