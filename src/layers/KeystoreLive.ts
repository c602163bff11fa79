/**
 * The keystore: DEKs unwrapped by the KEK, in a map of this process (SPEC §4).
 *
 * What must never happen: a DEK kept that did not unwrap under its own identity, or bytes of one that
 * outlive their wrapping. Proof: `test/layers/Keystore.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type { AskedKey } from "../domain/capability/Challenge.ts"
import * as Proof from "../domain/capability/Proof.ts"
import { DataKey, type KeyEncryptionKey, keyBytes } from "../domain/encryption/DataKey.ts"
import { KekMismatch, KekUnavailable } from "../domain/encryption/Errors.ts"
import * as Nonce from "../domain/encryption/Nonce.ts"
import * as WrappedDek from "../domain/encryption/WrappedDek.ts"
import type { KeyId } from "../domain/Ids.ts"
import { Csprng } from "../services/Csprng.ts"
import { KekProvider } from "../services/KekProvider.ts"
import { Keystore } from "../services/Keystore.ts"

const make = Effect.gen(function* () {
  const csprng = yield* Csprng
  const provider = yield* KekProvider
  const kek = yield* provider.load
  const keys = new Map<KeyId, DataKey>()
  yield* Effect.addFinalizer(() => Effect.sync(() => keys.clear()))
  const noKek = new KekUnavailable({ source: provider.source, reason: "notConfigured" })

  /** Held, or unwrapped for this once. */
  const usable = (asked: ReadonlyArray<AskedKey>): ReadonlyArray<DataKey> =>
    asked.flatMap((row) => {
      const held = keys.get(row.id)
      if (held !== undefined) return held.purpose === row.purpose ? [held] : []
      return kek === undefined ? [] : unwrapAll(kek, [row]).unwrapped
    })

  return Keystore.of({
    hasKek: kek !== undefined,
    encryption: kek !== undefined ? "ready" : provider.isOff === true ? "off" : "withoutKek",
    get: (keyId) => keys.get(keyId),
    unwrap: (rows) =>
      Effect.suspend((): Effect.Effect<void, KekMismatch | KekUnavailable> => {
        if (kek === undefined) return Effect.fail(noKek)
        const { mismatched, unwrapped } = unwrapAll(kek, rows)
        if (mismatched.length > 0) return Effect.fail(new KekMismatch({ keyIds: mismatched }))
        for (const key of unwrapped) keys.set(key.id, key)
        return Effect.void
      }),
    prove: (subject, asked) =>
      Effect.sync(() =>
        usable(asked).map((key) => ({ keyId: key.id, proof: Proof.prove(key, subject) }))
      ),
    proven: (subject, asked, proofs) =>
      Effect.sync(() => {
        const isRight = (key: DataKey) =>
          proofs.some(({ keyId, proof }) => keyId === key.id && Proof.isProof(key, subject, proof))
        return new Set(
          usable(asked)
            .filter(isRight)
            .map(({ id }) => id)
        )
      }),
    draw: ({ clusterId, purpose, taken }) =>
      Effect.suspend(() => {
        if (kek === undefined) return Effect.fail(noKek)
        const keyId = drawKeyId(csprng, taken)
        const dek = new DataKey({ id: keyId, purpose, clusterId }, csprng.bytes(keyBytes))
        const nonce = Nonce.random(csprng.bytes(Nonce.bytes))
        return Effect.succeed({ keyId, wrapped: WrappedDek.wrap({ kek, nonce }, dek) })
      })
  })
})

function unwrapAll(kek: KeyEncryptionKey, rows: ReadonlyArray<AskedKey>) {
  const mismatched: Array<KeyId> = []
  const unwrapped: Array<DataKey> = []
  for (const identity of rows) {
    const key = WrappedDek.unwrap({ kek, identity }, identity.wrapped)
    if (Result.isSuccess(key)) unwrapped.push(key.success)
    else mismatched.push(identity.id)
  }
  return { mismatched, unwrapped }
}

/** Never 0, never one that is known already (SPEC §4). */
function drawKeyId(csprng: Csprng["Service"], taken: ReadonlySet<KeyId>): KeyId {
  for (;;) {
    const keyId = csprng.bytes(4).readUInt32BE() as KeyId
    if (keyId !== 0 && !taken.has(keyId)) return keyId
  }
}

/** Fails with `KekUnavailable` if the KEK's source is there and cannot be used. */
export const layer = Layer.effect(Keystore, make)
