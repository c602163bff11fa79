/** Of a node without peers: nobody else can be asked. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { MemberChallenge } from "../services/MemberChallenge.ts"

export const layer: Layer.Layer<MemberChallenge> = Layer.succeed(MemberChallenge, {
  ask: () => Effect.fail("noAddress")
})
