/**
 * How this project opens and closes an LMDB environment (SPEC §8).
 *
 * Why it exists: every option below was measured or read in lmdb-js 3.5.6, and both environments must
 * have the same ones. What must never happen here: a value cache (`cache`), memory of somebody else in
 * a page (`noMemInit`), a key or value encoding of lmdb-js's own.
 * Proof: `test/layers/LmdbEnvironment.test.ts`, and the contract suites of the stores.
 */
import { dirname, join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Database, open, type RootDatabase } from "lmdb"
import type { StateGeneration } from "../domain/Ids.ts"
import * as Limits from "../domain/Limits.ts"
import { DataDirectoryFailure } from "../domain/state/Errors.ts"
import { sayOnce } from "./LmdbFailure.ts"
import * as LmdbFile from "./LmdbFile.ts"
import * as LmdbHeader from "./LmdbHeader.ts"

/** Keys and values are bytes; keys are compared as unsigned bytes. */
export type TableDatabase = Database<Uint8Array, Uint8Array>

export interface Options<Name extends string> {
  /** The data directory. */
  readonly directory: string
  readonly environment: "log" | "state"
  /** Of the state: the environment is `state/<generation>`; that of the log is `log`. */
  readonly generation?: StateGeneration | undefined
  /** May it be made, if there is none? */
  readonly isMade?: boolean | undefined
  readonly tables: ReadonlyArray<Name>
  /** Address space reserved at first, not disk space; lmdb-js maps again when it is full. */
  readonly mapSizeBytes: number
}

export interface LmdbEnvironment<Name extends string> {
  readonly root: RootDatabase<Uint8Array, Uint8Array>
  readonly tables: Readonly<Record<Name, TableDatabase>>
}

/** Released by waiting for the writes under way, flushing them and closing. */
export const acquire = <Name extends string>(
  options: Options<Name>
): Effect.Effect<LmdbEnvironment<Name>, DataDirectoryFailure, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () => openWhole(options),
      catch: (cause) =>
        new DataDirectoryFailure({
          directory: options.directory,
          operation: `open ${options.environment}`,
          cause
        })
    }),
    ({ root }) =>
      sync(root).pipe(
        Effect.catch((cause) =>
          Effect.logError(`the ${options.environment} could not be flushed at close`, cause)
        ),
        Effect.andThen(Effect.promise(() => root.close()))
      )
  )

/**
 * Returns when every commit before the call is on disk. Not lmdb-js's `flushed`: that waits for the
 * flush of queued puts and knows nothing of synchronous transactions.
 */
export const sync = (root: RootDatabase<Uint8Array, Uint8Array>): Effect.Effect<void, unknown> =>
  Effect.callback((resume) => {
    const done = (error?: unknown) =>
      resume(error === undefined || error === null ? Effect.void : Effect.fail(error))
    try {
      // The declaration lacks the callback, which lmdb-js passes to `mdb_env_sync` on a worker thread.
      const environment: { readonly sync: (callback: typeof done) => void } = root as never
      environment.sync(done)
    } catch (error) {
      done(error)
    }
  })

/** The directory of an environment. */
export const pathOf = ({
  directory,
  environment,
  generation
}: Pick<Options<string>, "directory" | "environment" | "generation">): string =>
  generation === undefined
    ? join(directory, environment)
    : join(directory, environment, String(generation))

async function openWhole<Name extends string>(
  options: Options<Name>
): Promise<LmdbEnvironment<Name>> {
  const { directory, isMade = true } = options
  const path = pathOf(options)
  if (isMade) {
    await LmdbFile.ensure(path, (unfinished) => openAt(unfinished, options).root.close())
  }
  LmdbFile.requireNotEmpty(path)
  LmdbHeader.check(LmdbFile.dataFileOf(path))
  const environment = openAt(path, options)
  // LMDB flushes its file, not the directory entries that lead to it.
  for (const named of new Set([path, dirname(path), directory])) LmdbFile.syncDirectory(named)
  return environment
}

function openAt<Name extends string>(
  path: string,
  options: Pick<Options<Name>, "tables" | "mapSizeBytes">
): LmdbEnvironment<Name> {
  const root = open<Uint8Array, Uint8Array>({
    path,
    noSubdir: false,
    maxDbs: options.tables.length,
    mapSize: options.mapSizeBytes,
    pageSize: Limits.lmdbPageBytes,
    // A commit that is told is durable. With overlapping syncs a failed sync leaves the commit visible,
    // takes later ones, and lets whoever waits for a flush wait for ever.
    overlappingSync: false,
    ...tableOptions
  })
  sayOnce(root)
  const tables = Object.fromEntries(
    options.tables.map((name) => [
      name,
      root.openDB<Uint8Array, Uint8Array>({ name, ...tableOptions })
    ])
  )
  return { root, tables: tables as Record<Name, TableDatabase> }
}

const tableOptions = {
  keyEncoding: "binary",
  encoding: "binary",
  cache: false,
  noMemInit: false,
  compression: false
} as const
