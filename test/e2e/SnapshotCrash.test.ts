/**
 * A process that is killed at any point of an installation leaves the old state whole or the new one
 * (SPEC §16). strace ends it at its nth call that changes the disk; the first run counts them.
 */
import { spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Crashes from "../support/SnapshotCrashes.ts"
import { storesIn } from "../support/SnapshotStores.ts"
import { itTraced } from "../support/StraceProcess.ts"

const program = fileURLToPath(new URL("../support/ProcessSnapshotInstall.ts", import.meta.url))

const calls = "pwrite64,pwritev,fdatasync,fsync,mkdir,rename,unlink,rmdir,ftruncate"

/** Whose calls count, and how many kill points are tried, spread over all of them. */
const places = [
  { file: "log/data.mdb", pointCount: 5 },
  { file: "state/1/data.mdb", pointCount: 2 },
  { file: undefined, pointCount: 2 }
] as const

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "sealog-killed-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Runs the installation in a directory, to its end or to the nth call of a thread on a file. */
function run(place: { directory: string; file: string | undefined }, snapshot: string, killAt = 0) {
  const { directory, file } = place
  const output = `${directory}.trace`
  const inject = killAt === 0 ? [] : ["-e", `inject=${calls}:signal=KILL:when=${killAt}`]
  const only = file === undefined ? [] : ["-P", join(directory, file)]
  const options = ["-f", "-qq", "-e", `trace=${calls}`, ...only, ...inject, "-o", output]
  const node = [process.execPath, program, directory, snapshot]
  const { stderr, stdout } = spawnSync("strace", [...options, ...node], {
    env: { ...process.env, UV_THREADPOOL_SIZE: "1" },
    encoding: "utf8"
  })
  return { isInstalled: stdout === "installed\n", stderr, trace: readFileSync(output, "utf8") }
}

/** How often a thread made the call that it made most: strace counts each for itself. */
const mostCalls = (trace: string): number => {
  const counts = new Map<string, number>()
  for (const [callOfThread] of trace.matchAll(/^\d+ +\w+/gm)) {
    counts.set(callOfThread, (counts.get(callOfThread) ?? 0) + 1)
  }
  return Math.max(...counts.values())
}

const foundIn = (directory: string) => Crashes.found.pipe(Effect.provide(storesIn(directory)))

describe("a process killed while it installs a snapshot", () => {
  for (const { what, ...log } of Crashes.logs.slice(1)) {
    itTraced(`leaves the old or the new, in a log ${what}`, () =>
      Effect.gen(function* () {
        const root = yield* temporaryDirectory
        const sent = yield* Crashes.take({ count: 2_000, valueBytes: 3_000 }).pipe(
          Effect.provide(storesIn(join(root, "sender")))
        )
        const snapshot = join(root, "snapshot")
        writeFileSync(snapshot, Buffer.concat(sent.pieces))
        const original = join(root, "original")
        yield* Crashes.prepare(log).pipe(Effect.provide(storesIn(original)))
        const before = yield* foundIn(original)
        const copy = (name: string) => {
          const directory = join(root, name)
          cpSync(original, directory, { recursive: true })
          return directory
        }

        const outcomes = new Set<string>()
        for (const { file, pointCount } of places) {
          const whole = { directory: copy("whole"), file }
          const { isInstalled, stderr, trace } = run(whole, snapshot)
          expect(isInstalled, stderr).toBe(true)
          expect((yield* foundIn(whole.directory)).content).toEqual(sent.content)
          rmSync(whole.directory, { recursive: true })
          const callCount = mostCalls(trace)
          for (let point = 1; point <= pointCount; point++) {
            const directory = copy("killed")
            const killAt = Math.ceil((point * callCount) / pointCount)
            const isKilled = !run({ directory, file }, snapshot, killAt).isInstalled
            const after = yield* foundIn(directory)
            Crashes.assertOldOrNew(after, { before, log, sent })
            expect(readdirSync(join(directory, "state"))).toEqual([`${after.generation}`])
            if (isKilled) outcomes.add(`killed, generation ${after.generation}`)
            rmSync(directory, { recursive: true })
          }
        }
        expect(outcomes).toEqual(new Set(["killed, generation 0", "killed, generation 1"]))
      }).pipe(Effect.scoped)
    )
  }
})
