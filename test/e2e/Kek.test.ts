/** `sealog kek generate`. */
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Process from "../support/ProcessSealog.ts"

const { assertRefused, json, sealog } = Process

describe("sealog kek generate", () => {
  it.live("creates 32 bytes for the owner only, once, and says why it cannot", () =>
    Effect.gen(function* () {
      const out = join(yield* Process.temporaryDirectory, "kek")
      const generate = sealog("kek", "generate", "--out", out, "--json")
      assert.deepStrictEqual(json(yield* generate), { out, bytes: 32 })
      assert.strictEqual(statSync(out).mode & 0o777, 0o600)
      const bytes = readFileSync(out)
      assert.strictEqual(bytes.length, 32)
      assert.isFalse(bytes.equals(Buffer.alloc(32)))

      const nowhere = join(out, "..", "no-such-directory", "kek")
      const [again, elsewhere] = yield* Effect.all(
        [generate, sealog("kek", "generate", "--out", nowhere)],
        { concurrency: 2 }
      )
      assertRefused(again, /never overwritten/)
      assertRefused(elsewhere, /could not be written/)
      assert.isTrue(readFileSync(out).equals(bytes))
    })
  )

  it.live("leaves nothing behind that would be in the way once there is room", () =>
    Effect.gen(function* () {
      const out = join(yield* Process.temporaryDirectory, "kek")
      // Node ignores the signal of this limit: a write beyond it fails like one on a full disk.
      const ended = spawnSync(
        "bash",
        ["-c", 'ulimit -f 0; exec "$0" src/main.ts kek generate --out "$1"', process.execPath, out],
        { encoding: "utf8" }
      )
      assert.match(ended.stderr, /^sealog: .*could not be written: .*EFBIG.*\(KekFileFailure\)\n$/)
      assert.strictEqual(ended.status, 1)
      assert.isFalse(existsSync(out))
      assert.strictEqual((yield* sealog("kek", "generate", "--out", out)).code, 0)
    })
  )
})
