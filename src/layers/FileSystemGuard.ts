/**
 * Refuses a data directory on a file system that cannot make a commit durable (SPEC §17).
 *
 * Everything that may be asked without trusting the answer: the type and options of the mount, and
 * whether a file and a directory can be written and synced at all. What must never happen: a node that
 * starts although a sync has failed. Stands between the lock and the environments.
 * Proof: `test/layers/FileSystemGuard.test.ts`, `test/e2e/StartUpGuards.test.ts`.
 */
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeSync
} from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { FileSystemNotDurable } from "../domain/state/Errors.ts"
import * as FileSystem from "../domain/state/FileSystem.ts"
import { DataDirectory } from "../services/DataDirectory.ts"
import { FreeSpace } from "../services/FreeSpace.ts"
import * as DataDisks from "./DataDisks.ts"
import * as LmdbFile from "./LmdbFile.ts"

/** The directory it was given, if it passes. After `FreeSpace`, because it writes. */
export const layer: Layer.Layer<DataDirectory, FileSystemNotDurable, DataDirectory | FreeSpace> =
  Layer.effect(
    DataDirectory,
    Effect.gen(function* () {
      const directory = yield* DataDirectory
      yield* FreeSpace
      const { path } = directory
      const disks = yield* attempt(path, "look at the file system", () => DataDisks.pathsOf(path))
      for (const disk of disks) {
        yield* checkMount(disk)
        yield* probe(disk)
      }
      return directory
    })
  )

const checkMount = Effect.fnUntraced(function* (directory: string) {
  const mountInfo = yield* Effect.option(
    Effect.try(() => readFileSync("/proc/self/mountinfo", "utf8"))
  )
  const mount = Option.getOrUndefined(
    Option.map(mountInfo, (text) => FileSystem.mountOf(text, directory))
  )
  const { type } = yield* attempt(directory, "look at the file system", () => statfsSync(directory))
  const problem = FileSystem.problemOf({ type, mount })
  if (problem !== undefined) {
    return yield* new FileSystemNotDurable({ directory, operation: "mount", cause: problem })
  }
})

/** Left by an opening that was killed in the middle; the next one writes over it. */
const probeName = "PROBE"

const probe = Effect.fnUntraced(function* (directory: string) {
  const path = join(directory, probeName)
  yield* attempt(directory, "write and sync a file", () => {
    const file = openSync(path, "w", 0o600)
    try {
      writeSync(file, "durable?")
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  })
  yield* attempt(directory, "sync a directory", () => {
    rmSync(path)
    LmdbFile.syncDirectory(directory)
  })
})

const attempt = <A>(directory: string, operation: string, body: () => A) =>
  Effect.try({
    try: body,
    catch: (cause) => new FileSystemNotDurable({ directory, operation, cause })
  })
