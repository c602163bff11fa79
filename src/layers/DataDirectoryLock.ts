/**
 * The exclusive lock on a data directory, held for the scope (SPEC §8).
 *
 * Why it exists: LMDB lets two processes write one environment, and two nodes that share one identity
 * would vote twice and repeat nonces. The lock is the kernel's (fcntl, taken by SQLite on the file
 * `LOCK`), so it ends with the process however it dies; SQLite also refuses a second opening inside
 * the same process, which fcntl alone would grant.
 *
 * What must never happen here: opening and closing `LOCK` by other means in this process. POSIX drops
 * all of a process's locks on a file when *any* of its descriptors is closed.
 * Proof: `test/layers/DataDirectoryLock.test.ts`, with real processes.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, realpathSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { DataDirectoryFailure, DataDirectoryLocked } from "../domain/state/Errors.ts"
import { DataDirectory } from "../services/DataDirectory.ts"

export interface Options {
  /** Created (mode 0700) if it is missing. */
  readonly directory: string
}

/** Fails with `DataDirectoryLocked` at once, never waits. */
export const layer = (
  options: Options
): Layer.Layer<DataDirectory, DataDirectoryLocked | DataDirectoryFailure> =>
  Layer.effect(
    DataDirectory,
    Effect.gen(function* () {
      const path = yield* create(options.directory)
      yield* Effect.acquireRelease(lock(path), (database) => Effect.sync(() => database.close()))
      return DataDirectory.of({ path })
    })
  )

/** SQLITE_BUSY, without the extension bits. */
const busy = 5

const create = (directory: string): Effect.Effect<string, DataDirectoryFailure> =>
  Effect.try({
    try: () => {
      const created = makeDirectories(directory)
      const path = realpathSync(directory)
      if (created !== undefined) syncNewDirectories(dirname(realpathSync(created)), path)
      return path
    },
    catch: (cause) => new DataDirectoryFailure({ directory, operation: "create", cause })
  })

/**
 * The first directory that it had to make, if any. One by one: Node's own `recursive` never returns
 * where there is no directory to be made below one that exists, and says so as if that were missing.
 */
function makeDirectories(directory: string): string | undefined {
  try {
    return make(directory)
  } catch (cause) {
    const parent = dirname(directory)
    const isParentMissing = cause instanceof Error && "code" in cause && cause.code === "ENOENT"
    if (!isParentMissing || parent === directory) throw cause
    const first = makeDirectories(parent)
    const last = make(directory)
    return first ?? last
  }
}

/** Returns nothing if it was there already, or is now, made by somebody else at the same moment. */
function make(directory: string): string | undefined {
  try {
    mkdirSync(directory, { mode: 0o700 })
    return directory
  } catch (cause) {
    if (statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return undefined
    throw cause
  }
}

const lock = (
  directory: string
): Effect.Effect<DatabaseSync, DataDirectoryLocked | DataDirectoryFailure> =>
  Effect.try({
    try: () => {
      const { DatabaseSync } = loadSqlite()
      const database = new DatabaseSync(join(directory, "LOCK"))
      try {
        database.exec("PRAGMA busy_timeout=0; PRAGMA journal_mode=DELETE; BEGIN EXCLUSIVE")
        return database
      } catch (cause) {
        database.close()
        throw cause
      }
    },
    catch: (cause) =>
      isBusy(cause)
        ? new DataDirectoryLocked({ directory })
        : new DataDirectoryFailure({ directory, operation: "lock", cause })
  })

const isBusy = (cause: unknown): boolean =>
  cause instanceof Error &&
  "errcode" in cause &&
  typeof cause.errcode === "number" &&
  (cause.errcode & 0xff) === busy

/**
 * Loaded when the first lock is taken, and without the warning that the module is experimental: an
 * operator can do nothing about it. The patch lasts for one synchronous call.
 */
function loadSqlite(): typeof import("node:sqlite") {
  const emitWarning = process.emitWarning
  process.emitWarning = () => {}
  try {
    return process.getBuiltinModule("node:sqlite")
  } finally {
    process.emitWarning = emitWarning
  }
}

/** A directory survives a power loss only when its parent has been flushed. */
function syncNewDirectories(from: string, to: string): void {
  for (let path = dirname(to); ; path = dirname(path)) {
    const descriptor = openSync(path, "r")
    try {
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    if (path === from || path === dirname(path)) return
  }
}
