/** Random bytes of the operating system, by way of `node:crypto`. */
import { randomFillSync } from "node:crypto"
import * as Layer from "effect/Layer"
import { Csprng } from "../services/Csprng.ts"

export const layer: Layer.Layer<Csprng> = Layer.succeed(Csprng, {
  bytes: (size) => randomFillSync(Buffer.allocUnsafeSlow(size))
})
