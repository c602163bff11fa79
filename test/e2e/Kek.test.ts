/** `sealog kek generate`. */
import { readFileSync, statSync } from "node:fs"
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
})
