import { createCipheriv } from "node:crypto"
import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { KeyPurpose } from "../../src/domain/encryption/DataKey.ts"
import type { ClusterId, KeyId, LogIndex } from "../../src/domain/Ids.ts"
import * as KekProviderNone from "../../src/layers/KekProviderNone.ts"
import * as KeystoreLive from "../../src/layers/KeystoreLive.ts"
import { Csprng } from "../../src/services/Csprng.ts"
import type { KekProvider } from "../../src/services/KekProvider.ts"
import { Keystore } from "../../src/services/Keystore.ts"
import { csprng, kek as memoryKek } from "../support/MemoryNode.ts"
import { seededNumbers } from "../support/SeededNumbers.ts"

const clusterId = "0123456789abcdef0123456789abcdef" as ClusterId
const ids = (...numbers: ReadonlyArray<number>) => new Set(numbers as ReadonlyArray<KeyId>)

interface Options {
  readonly random?: Layer.Layer<Csprng>
  readonly kek?: Layer.Layer<KekProvider>
}

/** Fresh: tests open one keystore beside another. */
const keystore = ({ kek = memoryKek(), random = csprng(1) }: Options = {}) =>
  Layer.fresh(KeystoreLive.layer).pipe(Layer.provide([random, kek]))

/** Every draw of 4 bytes yields the next of these; everything else is from a seed. */
const idsInTurn = (...drawn: ReadonlyArray<number>) => {
  const left = [...drawn]
  const numbers = seededNumbers(3)
  return Layer.succeed(Csprng, {
    bytes: (size) => {
      const bytes = Buffer.allocUnsafeSlow(size)
      for (let at = 0; at < size; at++) bytes[at] = numbers.below(256)
      const next = size === 4 ? left.shift() : undefined
      if (next !== undefined) bytes.writeUInt32BE(next)
      return bytes
    }
  })
}

const draw = (options?: { readonly purpose?: KeyPurpose; readonly taken?: ReadonlySet<KeyId> }) =>
  Effect.flatMap(Keystore, (store) =>
    store.draw({
      purpose: options?.purpose ?? "raft",
      clusterId,
      taken: options?.taken ?? ids()
    })
  )

/** The row that the drawn key becomes once it has come back through the log. */
const row = (
  { keyId, wrapped }: { readonly keyId: KeyId; readonly wrapped: Uint8Array },
  purpose: KeyPurpose = "raft"
) => ({ id: keyId, purpose, clusterId, wrapped, createdIndex: 1 as LogIndex })

describe("draw (SPEC §4)", () => {
  it.effect("never answers id 0, nor one that is taken", () =>
    Effect.gen(function* () {
      expect((yield* draw({ taken: ids(7, 0xffffffff) })).keyId).toBe(9)
    }).pipe(Effect.provide(keystore({ random: idsInTurn(0, 7, 0xffffffff, 0, 7, 9) })))
  )

  it.effect("keeps nothing: the key comes back through the log, and is a usable one then", () =>
    Effect.gen(function* () {
      const store = yield* Keystore
      const drawn = yield* draw({ purpose: "storage" })
      expect(store.get(drawn.keyId)).toBeUndefined()
      yield* store.unwrap([row(drawn, "storage")])
      const key = store.get(drawn.keyId)!
      expect(key).toMatchObject({ id: drawn.keyId, purpose: "storage", clusterId })
      const cipher = createCipheriv("aes-256-gcm", key.material, Buffer.alloc(12))
      expect(Buffer.concat([cipher.update("text"), cipher.final()])).toHaveLength(4)
      expect(inspect(key)).toBe("<redacted>")
    }).pipe(Effect.provide(keystore()))
  )

  it.effect("gives every key its own bytes, and wraps each differently", () =>
    Effect.gen(function* () {
      const store = yield* Keystore
      const drawn = yield* Effect.all(Array.from({ length: 20 }, () => draw()))
      yield* store.unwrap(drawn.map((key) => row(key)))
      const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")
      expect(new Set(drawn.map(({ wrapped }) => hex(wrapped))).size).toBe(20)
      const material = drawn.map(({ keyId }) => hex(store.get(keyId)!.material.export()))
      expect(new Set(material).size).toBe(20)
      for (const [at, { wrapped }] of drawn.entries()) {
        expect(hex(wrapped)).not.toContain(material[at]!)
      }
    }).pipe(Effect.provide(keystore()))
  )
})

describe("unwrap (SPEC §4)", () => {
  it.effect("keeps none of several if one does not unwrap, and names all that do not", () =>
    Effect.gen(function* () {
      const store = yield* Keystore
      const [good, damaged, moved, last] = [
        yield* draw(),
        yield* draw(),
        yield* draw(),
        yield* draw()
      ]
      const changed = Buffer.from(damaged.wrapped)
      changed[changed.length - 1]! ^= 1
      const rows = [
        row(good),
        row({ ...damaged, wrapped: changed }),
        row(moved, "storage"),
        row(last)
      ]
      const error = yield* Effect.flip(store.unwrap(rows))
      expect(error).toMatchObject({ _tag: "KekMismatch", keyIds: [damaged.keyId, moved.keyId] })
      expect(rows.map(({ id }) => store.get(id))).toEqual([
        undefined,
        undefined,
        undefined,
        undefined
      ])
      yield* store.unwrap([row(good), row(damaged), row(moved), row(last)])
      for (const { keyId } of [good, damaged, moved, last]) expect(store.get(keyId)?.id).toBe(keyId)
    }).pipe(Effect.provide(keystore()))
  )

  it.effect("under another KEK is refused with every id", () =>
    Effect.gen(function* () {
      const rows = yield* Effect.gen(function* () {
        return [row(yield* draw()), row(yield* draw())]
      }).pipe(Effect.provide(keystore()))
      const store = yield* Keystore
      const error = yield* Effect.flip(store.unwrap(rows))
      expect(error).toMatchObject({ _tag: "KekMismatch", keyIds: rows.map(({ id }) => id) })
      for (const { id } of rows) expect(store.get(id)).toBeUndefined()
    }).pipe(Effect.provide(keystore({ kek: memoryKek(8) })))
  )

  it.effect("that fails leaves the keys that were there", () =>
    Effect.gen(function* () {
      const store = yield* Keystore
      const kept = yield* draw()
      yield* store.unwrap([row(kept)])
      const other = yield* draw()
      yield* Effect.flip(store.unwrap([row(other, "storage")]))
      expect(store.get(kept.keyId)?.id).toBe(kept.keyId)
    }).pipe(Effect.provide(keystore()))
  )
})

describe("a node without a KEK (SPEC §4)", () => {
  it.effect("draws and unwraps nothing: KekUnavailable", () =>
    Effect.gen(function* () {
      const wrapped = yield* draw().pipe(Effect.provide(keystore()))
      const store = yield* Keystore
      expect(store.hasKek).toBe(false)
      const unavailable = { _tag: "KekUnavailable", reason: "notConfigured", source: "--kek-file" }
      expect(yield* Effect.flip(draw())).toMatchObject(unavailable)
      expect(yield* Effect.flip(store.unwrap([row(wrapped)]))).toMatchObject(unavailable)
      expect(store.get(wrapped.keyId)).toBeUndefined()
    }).pipe(Effect.provide(keystore({ kek: KekProviderNone.layer })))
  )

  it.effect("has one with a KEK", () =>
    Effect.map(Keystore, ({ hasKek }) => expect(hasKek).toBe(true)).pipe(Effect.provide(keystore()))
  )
})
