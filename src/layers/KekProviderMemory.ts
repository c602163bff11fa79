/** A KEK from bytes in memory, for tests and embedders. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { KeyEncryptionKey } from "../domain/encryption/DataKey.ts"
import { KekProvider } from "../services/KekProvider.ts"

/** Copies the 32 bytes; the caller zeroes its own. */
export const layer = ({ bytes }: { readonly bytes: Uint8Array }): Layer.Layer<KekProvider> =>
  Layer.succeed(KekProvider, {
    source: "memory",
    load: Effect.sync(() => {
      const copy = Buffer.allocUnsafeSlow(bytes.length)
      copy.set(bytes)
      return new KeyEncryptionKey(copy)
    })
  })
