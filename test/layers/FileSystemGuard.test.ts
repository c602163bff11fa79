/** SPEC §17: what is probed of the file system under a data directory, on real mounts where possible. */
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as FileSystemGuard from "../../src/layers/FileSystemGuard.ts"
import * as FreeSpaceMemory from "../../src/layers/FreeSpaceMemory.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import { DataDirectory } from "../../src/services/DataDirectory.ts"
import * as Mount from "../support/Mount.ts"

const temporaryDirectory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "sealog-file-system-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

const guarded = (path: string) =>
  FileSystemGuard.layer.pipe(
    Layer.provide(
      Layer.mergeAll(
        Layer.succeed(DataDirectory, { path }),
        FreeSpaceMemory.layer({ disk: { freeBytes: Number.MAX_SAFE_INTEGER } })
      )
    ),
    Layer.provide(NodeConfigLive.layer())
  )

const pathOf = (path: string) =>
  Effect.map(DataDirectory, (directory) => directory.path).pipe(Effect.provide(guarded(path)))

describe("FileSystemGuard", () => {
  it.live("lets a directory pass that can be synced, and leaves nothing in it", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      expect(yield* pathOf(directory)).toBe(directory)
      expect(readdirSync(directory)).toEqual([])
      // What a killed opening may have left.
      writeFileSync(join(directory, "PROBE"), "left by another opening")
      expect(yield* pathOf(directory)).toBe(directory)
      expect(readdirSync(directory)).toEqual([])
    })
  )

  it.live("refuses one in which nothing can be written, saying what failed", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      mkdirSync(join(directory, "PROBE"))
      const error = yield* Effect.flip(pathOf(directory))
      expect(error).toMatchObject({
        _tag: "FileSystemNotDurable",
        directory,
        operation: "write and sync a file"
      })
      expect(error.message).toMatch(/EISDIR.*; put the data directory on a local disk/)
      const gone = yield* Effect.flip(pathOf(join(directory, "none")))
      expect(gone).toMatchObject({ operation: "look at the file system" })
    })
  )

  it.live("refuses a mount that ignores syncs", (context) =>
    Effect.gen(function* () {
      const mounted = yield* Mount.volatileOverlay
      if (typeof mounted === "string") return context.skip(`no overlay here, reason: ${mounted}`)
      const error = yield* Effect.flip(pathOf(mounted.path))
      expect(error).toMatchObject({ _tag: "FileSystemNotDurable", operation: "mount" })
      expect(error.message).toMatch(/mounted with \S*volatile, which ignores syncs/)
      expect(existsSync(join(mounted.path, "PROBE"))).toBe(false)
    })
  )

  it.live("looks at the disks of the log and of the state as well", (context) =>
    Effect.gen(function* () {
      const mounted = yield* Mount.volatileOverlay
      if (typeof mounted === "string") return context.skip(`no overlay here, reason: ${mounted}`)
      for (const name of ["log", "state"]) {
        const directory = yield* temporaryDirectory
        symlinkSync(mounted.path, join(directory, name))
        const error = yield* Effect.flip(pathOf(directory))
        expect(error).toMatchObject({ directory: mounted.path, operation: "mount" })
      }
    })
  )

  it.live("refuses a mount that cannot be written, and accepts one in memory", (context) =>
    Effect.gen(function* () {
      const mounted = yield* Mount.tmpfs({ sizeMebibytes: 4 })
      if (typeof mounted === "string") return context.skip(`no tmpfs here, reason: ${mounted}`)
      expect(yield* pathOf(mounted.path)).toBe(mounted.path)
      expect(yield* mounted.remount("ro")).toBeUndefined()
      const error = yield* Effect.flip(pathOf(mounted.path))
      expect(error).toMatchObject({ _tag: "FileSystemNotDurable" })
      expect(error.message).toContain("EROFS")
    })
  )
})
