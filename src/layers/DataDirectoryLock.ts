/**
 * The exclusive lock on a data directory, for as long as the layer lives (SPEC §8).
 *
 * A transaction of the runtime's own SQLite on the file `LOCK`: a lock of the kernel, which goes with
 * the process however it dies, and which refuses a second opening in the same process too. What must
 * never happen: two openings of one directory. Proof: `test/layers/DataDirectoryLock.test.ts`.
 */
import { mkdirSync } from "node:fs"
import { join, resolve } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { DataDirectoryFailure, DataDirectoryLocked } from "../domain/state/Errors.ts"
import { DataDirectory } from "../services/DataDirectory.ts"

const sqliteBusy = 5

function acquire(path: string): DatabaseSync {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const database = new DatabaseSync(join(path, "LOCK"))
  database.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE")
  return database
}

const isBusy = (error: unknown): boolean =>
  error instanceof Error && "errcode" in error && error.errcode === sqliteBusy

const make = Effect.fnUntraced(function* ({ directory }: { readonly directory: string }) {
  const path = resolve(directory)
  yield* Effect.acquireRelease(
    Effect.try({
      try: () => acquire(path),
      catch: (cause) =>
        isBusy(cause)
          ? new DataDirectoryLocked({ directory: path })
          : new DataDirectoryFailure({ directory: path, operation: "lock", cause })
    }),
    (database) => Effect.sync(() => database.close())
  )
  return DataDirectory.of({ path })
})

/** Creates the directory, mode 0700, if there is none. */
export const layer = (options: { readonly directory: string }) =>
  Layer.effect(DataDirectory, make(options))
