/** SPEC §8: one opening of a data directory at a time, across layers and real processes. */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as DataDirectoryLock from "../../src/layers/DataDirectoryLock.ts"
import { DataDirectory } from "../../src/services/DataDirectory.ts"

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "sealog-lock-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Opens the directory and runs `inside` while it is held. */
const opened = <A, E, R>(directory: string, inside: Effect.Effect<A, E, R>) =>
  Effect.andThen(DataDirectory, inside).pipe(Effect.provide(DataDirectoryLock.layer({ directory })))

const program = fileURLToPath(new URL("../support/ProcessLockHolder.ts", import.meta.url))

/** A process that wants the lock; `answer` is its first word, `end` resolves with its stderr. */
const holder = (directory: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, [program, directory])
      const stderr = text(child.stderr)
      const answer = new Promise<string>((resolve) =>
        child.stdout.once("data", (bytes: Buffer) => resolve(bytes.toString().trim()))
      )
      const end = new Promise<string>((resolve) => child.once("exit", () => resolve(stderr)))
      return { child, answer: Effect.promise(() => answer), end: Effect.promise(() => end) }
    }),
    ({ child, end }) =>
      Effect.andThen(
        Effect.sync(() => child.kill("SIGKILL")),
        end
      )
  )

describe("DataDirectoryLock", () => {
  it.live("creates the directory for its owner alone", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryDirectory, "a", "b")
      const { path } = yield* opened(directory, DataDirectory)
      expect(statSync(path).mode & 0o777).toBe(0o700)
    })
  )

  it.live("refuses a second opening in the same process, and allows it after the first", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const inside = Effect.gen(function* () {
        const error = yield* Effect.flip(opened(directory, Effect.void))
        // Closing the file of the refused opening must not drop the lock of the first.
        const other = yield* holder(directory)
        return [error, yield* other.answer]
      })
      const [error, answer] = yield* opened(directory, Effect.scoped(inside))
      expect(error).toMatchObject({ _tag: "DataDirectoryLocked", directory })
      expect(answer).toBe("refused")
      yield* opened(directory, Effect.void)
    })
  )

  it.live("refuses another process while it is held, and the refusal frees nothing", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const answers = Effect.gen(function* () {
        const first = yield* holder(directory)
        const second = yield* holder(directory)
        return [yield* first.answer, yield* second.answer]
      })
      expect(yield* opened(directory, Effect.scoped(answers))).toEqual(["refused", "refused"])
    })
  )

  it.live("a process that is killed holds nothing any more", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const first = yield* holder(directory)
      expect(yield* first.answer).toBe("locked")
      const error = yield* Effect.flip(opened(directory, Effect.void))
      expect(error).toMatchObject({ _tag: "DataDirectoryLocked", directory })
      first.child.kill("SIGKILL")
      expect(yield* first.end).toBe("")
      yield* opened(directory, Effect.void)
    })
  )

  it.live("says what is wrong with a directory that cannot be used", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryDirectory, "file")
      writeFileSync(file, "")
      const error = yield* Effect.flip(opened(file, Effect.void))
      expect(error).toMatchObject({ _tag: "DataDirectoryFailure", operation: "create" })
    })
  )

  // In another process, since what never returns is a call that nothing here could interrupt.
  it.live("fails where the file system takes no directory and says that there is none", (context) =>
    Effect.gen(function* () {
      context.skip(process.platform !== "linux", "there is no /proc that takes no directory")
      for (const directory of ["/proc/no-such", "/proc/no-such/data"]) {
        const { answer } = yield* holder(directory)
        expect(yield* answer).toMatch(/^failed: .*cannot be used \(create\): .*ENOENT/)
      }
    })
  )
})
