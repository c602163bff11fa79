import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as LmdbEnvironment from "../../src/layers/LmdbEnvironment.ts"

const root = mkdtempSync(join(tmpdir(), "sealog-environment-"))
let made = 0
const fresh = () => {
  made += 1
  const directory = join(root, String(made))
  mkdirSync(directory)
  return directory
}

afterAll(() => rmSync(root, { recursive: true, force: true }))

const key = Buffer.from("key")
/** Opens it, does something with its one table, and closes it. */
const using = <A>(directory: string, use: (table: LmdbEnvironment.TableDatabase) => Promise<A>) =>
  Effect.scoped(
    Effect.flatMap(
      LmdbEnvironment.acquire({
        directory,
        environment: "log",
        tables: ["entries"],
        mapSizeBytes: 1 << 26
      }),
      ({ tables }) => Effect.promise(() => use(tables.entries))
    )
  )
const write = (directory: string) =>
  using(directory, (table) => table.put(key, Buffer.from("value")))
const read = (directory: string) =>
  using(directory, async (table) => Buffer.from(table.get(key) ?? "").toString())

describe("an LMDB environment (SPEC §8, §17)", () => {
  it.live("is there after its first opening, under its own name alone", () =>
    Effect.gen(function* () {
      const directory = fresh()
      yield* write(directory)
      expect(yield* read(directory)).toBe("value")
      expect(readdirSync(directory)).toEqual(["log"])
    })
  )

  it.live("is made anew when a power loss cut its making off", () =>
    Effect.gen(function* () {
      const directory = fresh()
      mkdirSync(join(directory, "log.unfinished"))
      writeFileSync(join(directory, "log.unfinished/data.mdb"), Buffer.alloc(16_384))
      yield* write(directory)
      expect(yield* read(directory)).toBe("value")
      expect(readdirSync(directory)).toEqual(["log"])
    })
  )

  it.live.each<readonly [what: string, damage: (file: string) => void]>([
    ["has lost its first pages", (file) => writeFileSync(file, Buffer.alloc(32_768))],
    ["is empty", (file) => truncateSync(file, 0)],
    ["is gone", (file) => rmSync(file)]
  ])("is refused, and neither opened nor made anew, when its file %s", ([_what, damage]) =>
    Effect.gen(function* () {
      const directory = fresh()
      yield* write(directory)
      damage(join(directory, "log/data.mdb"))
      const refused = yield* Effect.flip(read(directory))
      expect(refused).toMatchObject({ _tag: "DataDirectoryFailure", operation: "open log" })
      expect(refused.message).toMatch(/data\.mdb is damaged .*restore/)
    })
  )
})
