/** SPEC §8: a ballast file is made where there is ample room, completed, and never in the way. */
import { existsSync, mkdirSync, statSync, truncateSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Limits from "../../src/domain/Limits.ts"
import * as Ballast from "../../src/layers/Ballast.ts"
import * as FreeSpaceMemory from "../../src/layers/FreeSpaceMemory.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import { csprng } from "../support/MemoryNode.ts"

const { freeBytesMin } = NodeConfigLive.defaults
const { mebibyte } = Limits

const temporaryDirectory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "sealog-ballast-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/** Builds the layer over a disk that shrinks as the file grows, and waits until `holds`. */
const keeping = (options: {
  readonly directory: string
  readonly bytes: number
  readonly freeBytes: number
  readonly holds: (size: number) => boolean
}) => {
  const { bytes, directory, freeBytes, holds } = options
  const path = join(directory, Ballast.fileName)
  const sizeNow = () => (existsSync(path) ? statSync(path).size : 0)
  const before = sizeNow()
  const disk = {
    asked: 0,
    get freeBytes() {
      disk.asked += 1
      return freeBytes - (sizeNow() - before)
    }
  }
  const turn = Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
  return Effect.gen(function* () {
    while (!holds(sizeNow())) yield* turn
    return { size: sizeNow(), asked: disk.asked }
  }).pipe(
    Effect.provide(
      Ballast.layer({ directory, bytes }).pipe(
        Layer.provide([csprng(1), FreeSpaceMemory.layer({ disk })]),
        Layer.provide(NodeConfigLive.layer())
      )
    )
  )
}

describe("the ballast file", () => {
  it.live("has its size, is the owner's alone, and is completed by a later start", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const path = join(directory, Ballast.fileName)
      const bytes = 3 * mebibyte + 5
      const options = { directory, bytes, freeBytes: 2 * freeBytesMin }
      const whole = (size: number) => size === bytes
      yield* keeping({ ...options, holds: whole })
      expect(statSync(path).mode & 0o777).toBe(0o600)
      expect(statSync(path).blocks * 512, "it takes the room it is to keep").toBeGreaterThan(bytes)
      truncateSync(path, mebibyte)
      yield* keeping({ ...options, holds: whole })
      const inode = statSync(path).ino
      yield* keeping({ ...options, holds: whole })
      expect(statSync(path).ino).toBe(inode)
    })
  )

  it.live("takes nothing from what requests must leave", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const freeBytes = freeBytesMin + 2 * mebibyte
      const holds = (size: number) => size === 2 * mebibyte
      const options = { directory, bytes: 8 * mebibyte, freeBytes, holds }
      const { size } = yield* keeping(options)
      expect(size).toBe(2 * mebibyte)
      const refused = { ...options, freeBytes: freeBytesMin }
      const again = yield* keeping({ ...refused, holds: () => true })
      expect(again.size).toBe(2 * mebibyte)
    })
  )

  it.live("is not made if none is wanted", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      yield* keeping({ directory, bytes: 0, freeBytes: 2 * freeBytesMin, holds: () => true })
      expect(existsSync(join(directory, Ballast.fileName))).toBe(false)
    })
  )

  it.live("that cannot be made is a warning, and stops nothing", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      mkdirSync(join(directory, Ballast.fileName))
      const logged: Array<unknown> = []
      const logger = Logger.make(({ logLevel, message }) => void logged.push([logLevel, message]))
      const options = { directory, bytes: mebibyte, freeBytes: 2 * freeBytesMin }
      yield* keeping({ ...options, holds: () => logged.length > 0 }).pipe(
        Effect.provide(Logger.layer([logger]))
      )
      expect(logged).toMatchObject([
        ["Warn", ["no ballast file could be made", { code: "EISDIR" }]]
      ])
    })
  )
})
