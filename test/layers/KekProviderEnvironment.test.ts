import { randomBytes } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { KeyEncryptionKey } from "../../src/domain/encryption/DataKey.ts"
import * as KekProviderEnvironment from "../../src/layers/KekProviderEnvironment.ts"
import { KekProvider } from "../../src/services/KekProvider.ts"

const variable = "SEALOG_TEST_KEK"

const load = (text: string | undefined) =>
  Effect.gen(function* () {
    if (text === undefined) delete process.env[variable]
    else process.env[variable] = text
    return yield* (yield* KekProvider).load
  }).pipe(Effect.provide(KekProviderEnvironment.layer({ variable })))

describe("the KEK from the environment (SPEC §4)", () => {
  it.effect("is 32 bytes in base64, and gone from the environment once read", () =>
    Effect.gen(function* () {
      const bytes = randomBytes(32)
      const kek = yield* load(bytes.toString("base64"))
      expect(kek).toBeInstanceOf(KeyEncryptionKey)
      expect(kek?.material.export().equals(bytes)).toBe(true)
      expect(variable in process.env).toBe(false)
    })
  )

  it.effect("is refused with a reason, and gone from the environment all the same", () =>
    Effect.gen(function* () {
      for (const [text, reason] of [
        [undefined, "missing"],
        ["", "wrongSize"],
        [Buffer.alloc(31, 1).toString("base64"), "wrongSize"],
        [Buffer.alloc(33, 1).toString("base64"), "wrongSize"],
        [Buffer.alloc(32, 1).toString("hex"), "wrongSize"],
        ["not base64!", "notBase64"],
        [Buffer.alloc(32, 0xff).toString("base64url"), "notBase64"]
      ] as const) {
        const error = yield* Effect.flip(load(text))
        expect(error).toMatchObject({ _tag: "KekUnavailable", reason })
        expect(error.message).toContain(variable)
        if (text) expect(error.message).not.toContain(text)
        expect(variable in process.env).toBe(false)
      }
    })
  )
})
