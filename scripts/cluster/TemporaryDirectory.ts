/** A directory under the system's temporary one, of which nothing is left when the scope closes. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"

/** `purpose` is in its name, so that what a killed process has left behind can be told. */
export const make = (purpose: string) =>
  Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), `sealog-${purpose}-`))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
