/**
 * The command line under test: real processes, temporary directories, and what every answer must look
 * like. Waits on lines and exits, never on a sleep.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NodeProcess from "../../scripts/demo/NodeProcess.ts"

/** A dozen processes in a row take their time on a machine that is busy with something else. */
vi.setConfig({ testTimeout: 90_000 })

/** Removed when the scope closes. */
export const temporaryDirectory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "sealog-e2e-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

export const sealog = NodeProcess.run
export const sealogReading = NodeProcess.runWithInput
export const { serve, start } = NodeProcess

/** A fresh KEK file and a data directory that does not exist yet. */
export const fresh = Effect.gen(function* () {
  const directory = yield* temporaryDirectory
  const kekFile = join(directory, "kek")
  const generated = yield* sealog("kek", "generate", "--out", kekFile)
  assert.strictEqual(generated.code, 0, generated.stderr)
  return { directory: join(directory, "data"), kekFile, nodeName: "a" }
})

/** The only line on stdout, which is JSON. */
export const json = (ended: NodeProcess.Ended, code = 0): unknown => {
  assert.strictEqual(ended.code, code, ended.stderr)
  assert.match(ended.stdout, /^[^\n]+\n$/)
  return JSON.parse(ended.stdout)
}

/** Failed with one sentence on stderr, nothing on stdout, and no stack trace. */
export const assertRefused = (ended: NodeProcess.Ended, sentence: RegExp, code = 1) => {
  assert.strictEqual(ended.stdout, "")
  assert.match(ended.stderr, /^sealog: [^\n]+\n$/)
  assert.match(ended.stderr, sentence)
  assert.notMatch(ended.stderr, /\.ts:\d+/)
  assert.strictEqual(ended.code, code)
}

/** Sends a signal and returns how the process ended. */
export const stop = (node: NodeProcess.Running, signal: NodeJS.Signals) =>
  Effect.suspend(() => {
    node.kill(signal)
    return node.end
  })
