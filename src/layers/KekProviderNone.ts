/** No KEK: the node serves plaintext, and refuses to start on encrypted state. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { KekProvider } from "../services/KekProvider.ts"

export const layer: Layer.Layer<KekProvider> = Layer.succeed(KekProvider, {
  source: "--kek-file",
  isOff: true,
  load: Effect.succeed(undefined)
})
