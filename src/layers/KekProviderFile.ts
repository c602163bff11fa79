/**
 * The KEK from a file of exactly 32 raw bytes that only its owner may read (SPEC §4).
 *
 * What must never happen: a KEK accepted from a file that others can read, or key bytes left in a
 * pooled buffer. Proof: `test/layers/KekProvider.test.ts`.
 */
import { constants } from "node:fs"
import { open } from "node:fs/promises"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { KeyEncryptionKey, keyBytes } from "../domain/encryption/DataKey.ts"
import { KekUnavailable } from "../domain/encryption/Errors.ts"
import { KekProvider } from "../services/KekProvider.ts"

type Unusable = KekUnavailable["reason"]

/** What a mode of 0600 or stricter does not have. */
const tooOpenMask = 0o177

/** Reads one byte more than a key has, so that a longer file is seen. */
async function readFile(path: string): Promise<KeyEncryptionKey | Unusable> {
  // Not waiting: a named pipe would block until somebody writes to it.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const bytes = Buffer.allocUnsafeSlow(keyBytes + 1)
  try {
    const stat = await file.stat()
    if (!stat.isFile()) return "unreadable"
    if ((stat.mode & tooOpenMask) !== 0) return "tooOpen"
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
    if (bytesRead !== keyBytes) return "wrongSize"
    const key = Buffer.allocUnsafeSlow(keyBytes)
    bytes.copy(key, 0, 0, keyBytes)
    return new KeyEncryptionKey(key)
  } finally {
    bytes.fill(0)
    await file.close()
  }
}

export const layer = ({ path }: { readonly path: string }): Layer.Layer<KekProvider> => {
  const source = `file ${path}`
  return Layer.succeed(KekProvider, {
    source,
    load: Effect.tryPromise({
      try: () => readFile(path),
      catch: (error) => new KekUnavailable({ source, reason: reasonOf(error) })
    }).pipe(
      Effect.flatMap((found) =>
        typeof found === "string"
          ? Effect.fail(new KekUnavailable({ source, reason: found }))
          : Effect.succeed(found)
      )
    )
  })
}

const reasonOf = (error: unknown): Unusable =>
  error instanceof Error && "code" in error && error.code === "ENOENT" ? "missing" : "unreadable"
