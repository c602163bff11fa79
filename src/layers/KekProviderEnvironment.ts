/**
 * The KEK from an environment variable, in base64: for tests and CI only (SPEC §4).
 *
 * The variable is deleted once it was read, so that no child process inherits it. The text it held
 * stays in this process's memory until the runtime collects it, and on Linux in `/proc/PID/environ`:
 * that is why a file is the way for everything else. Proof: `KekProviderEnvironment.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { KeyEncryptionKey, keyBytes } from "../domain/encryption/DataKey.ts"
import { KekUnavailable } from "../domain/encryption/Errors.ts"
import { KekProvider } from "../services/KekProvider.ts"

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

function readVariable(variable: string): KeyEncryptionKey | KekUnavailable["reason"] {
  const text = process.env[variable]
  delete process.env[variable]
  if (text === undefined) return "missing"
  if (!base64.test(text)) return "notBase64"
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text, "base64"))
  bytes.write(text, "base64")
  if (bytes.length === keyBytes) return new KeyEncryptionKey(bytes)
  bytes.fill(0)
  return "wrongSize"
}

/** Reading it is once only: a second load finds the variable gone. */
export const layer = ({ variable }: { readonly variable: string }): Layer.Layer<KekProvider> => {
  const source = `environment variable ${variable}`
  return Layer.succeed(KekProvider, {
    source,
    load: Effect.suspend(() => {
      const found = readVariable(variable)
      return typeof found === "string"
        ? Effect.fail(new KekUnavailable({ source, reason: found }))
        : Effect.succeed(found)
    })
  })
}
