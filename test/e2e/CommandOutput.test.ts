/** What a command does whose answer cannot be written: `/dev/full` is a disk that is always full. */
import { spawnSync } from "node:child_process"
import { closeSync, existsSync, openSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Process from "../support/ProcessSealog.ts"

describe("an answer that cannot be written", () => {
  it.live("is a failure, and said", () =>
    Effect.gen(function* () {
      const out = join(yield* Process.temporaryDirectory, "kek")
      const full = openSync("/dev/full", "w")
      const ended = spawnSync(process.execPath, ["src/main.ts", "kek", "generate", "--out", out], {
        stdio: ["ignore", full, "pipe"],
        encoding: "utf8"
      })
      closeSync(full)
      assert.strictEqual(ended.status, 1, ended.stderr)
      assert.match(ended.stderr, /^sealog: the answer could not be written to stdout [^\n]+\n$/)
      assert.isTrue(existsSync(out))
    })
  )
})
