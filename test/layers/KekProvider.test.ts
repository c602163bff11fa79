import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inspect } from "node:util"
import { afterAll, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { KeyEncryptionKey } from "../../src/domain/encryption/DataKey.ts"
import * as KekProviderFile from "../../src/layers/KekProviderFile.ts"
import * as KekProviderNone from "../../src/layers/KekProviderNone.ts"
import { KekProvider } from "../../src/services/KekProvider.ts"
import { seededNumbers } from "../support/SeededNumbers.ts"

const root = mkdtempSync(join(tmpdir(), "sealog-kek-"))
afterAll(() => rmSync(root, { recursive: true }))

const numbers = seededNumbers(17)
const bytesOf = (size: number) =>
  Buffer.from(Array.from({ length: size }, () => numbers.below(256)))

let files = 0
const kekFile = (content: Buffer, mode = 0o600) => {
  const path = join(root, `kek${files++}`)
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}

const load = (path: string) =>
  Effect.flatMap(KekProvider, (provider) => provider.load).pipe(
    Effect.provide(KekProviderFile.layer({ path }))
  )

/** Everything an error shows, in every way it is printed; with a cause, if it has one. */
const shownOf = (error: Error) =>
  [error.message, String(error), JSON.stringify(error), inspect(error, { depth: 9 })].join("\n")

const expectNoneOf = (content: Buffer, shown: string) => {
  // A few bytes may stand in any text by chance.
  if (content.length < 8) return
  for (const encoding of ["hex", "base64", "base64url", "latin1"] as const) {
    expect(shown).not.toContain(content.toString(encoding))
    expect(shown).not.toContain(content.subarray(0, 8).toString(encoding).replace(/=+$/, ""))
  }
  expect(shown).not.toContain(content.subarray(0, 8).join(", "))
}

describe("KekProviderFile (SPEC §4)", () => {
  it.live("takes a file of exactly 32 bytes that only its owner may read", () =>
    Effect.gen(function* () {
      const content = bytesOf(32)
      for (const mode of [0o600, 0o400]) {
        const kek = yield* load(kekFile(content, mode))
        expect(kek).toBeInstanceOf(KeyEncryptionKey)
        expect(kek?.material.export().equals(content)).toBe(true)
        expectNoneOf(content, [inspect(kek), JSON.stringify(kek), String(kek)].join("\n"))
      }
    })
  )

  it.live.each([0, 31, 33, 64, 5000])("of %i bytes is the wrong size", (size) =>
    Effect.gen(function* () {
      const content = bytesOf(size)
      const path = kekFile(content)
      const error = yield* Effect.flip(load(path))
      expect(error).toMatchObject({ _tag: "KekUnavailable", reason: "wrongSize" })
      expect(error.message).toContain(path)
      expect(error.message).toContain("32 bytes")
      expectNoneOf(content, shownOf(error))
    })
  )

  it.live.each([
    ["0640", 0o640],
    ["0604", 0o604],
    ["0644", 0o644],
    ["0620", 0o620],
    ["0602", 0o602],
    ["0666", 0o666]
  ] as const)("of mode %s is too open", ([, mode]) =>
    Effect.gen(function* () {
      const content = bytesOf(32)
      const error = yield* Effect.flip(load(kekFile(content, mode)))
      expect(error).toMatchObject({ _tag: "KekUnavailable", reason: "tooOpen" })
      expect(error.message).toContain("0600")
      expectNoneOf(content, shownOf(error))
    })
  )

  it.live("that is missing is told apart from one that cannot be read", () =>
    Effect.gen(function* () {
      const missing = yield* Effect.flip(load(join(root, "nowhere")))
      expect(missing).toMatchObject({ _tag: "KekUnavailable", reason: "missing" })
      const directory = join(root, "directory")
      mkdirSync(directory)
      chmodSync(directory, 0o600)
      const unreadable = yield* Effect.flip(load(directory))
      expect(unreadable).toMatchObject({ _tag: "KekUnavailable", reason: "unreadable" })
      for (const error of [missing, unreadable]) expect(error.message).toContain(error.source)
    })
  )

  it.live(
    "a directory or a named pipe is unreadable, whatever its mode, and nobody waits for it",
    () =>
      Effect.gen(function* () {
        const directory = join(root, "private")
        mkdirSync(directory, { mode: 0o700 })
        const pipe = join(root, "pipe")
        execFileSync("mkfifo", ["-m", "600", pipe])
        for (const path of [directory, pipe]) {
          expect(yield* Effect.flip(load(path))).toMatchObject({ reason: "unreadable" })
        }
      })
  )

  it.live("names the path as its source and reads only when it is asked", () =>
    Effect.gen(function* () {
      const path = join(root, "later")
      yield* Effect.gen(function* () {
        const provider = yield* KekProvider
        expect(provider.source).toBe(`file ${path}`)
        expect(yield* Effect.flip(provider.load)).toMatchObject({ reason: "missing" })
        writeFileSync(path, bytesOf(32), { mode: 0o600 })
        expect(yield* provider.load).toBeInstanceOf(KeyEncryptionKey)
      }).pipe(Effect.provide(KekProviderFile.layer({ path })))
    })
  )
})

describe("KekProviderNone (SPEC §4)", () => {
  it.effect("has no KEK, which is no failure", () =>
    Effect.gen(function* () {
      const provider = yield* KekProvider
      expect(yield* provider.load).toBeUndefined()
      expect(provider.source).toBe("--kek-file")
    }).pipe(Effect.provide(KekProviderNone.layer))
  )
})
