/**
 * Opens a data directory: creates its identity once, counts this opening, hands out its epochs
 * (SPEC §3, §6).
 *
 * What must never happen: an epoch or boot count used before it is durable, or an identity replaced
 * by another. Proof: `test/layers/Opening.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import { LocalEpochExhausted } from "../domain/encryption/Errors.ts"
import type {
  ClusterId,
  GroupId,
  Incarnation,
  KeyId,
  LocalEpoch,
  MemberId,
  NodeName,
  OpeningId
} from "../domain/Ids.ts"
import * as Limits from "../domain/Limits.ts"
import type { LogWriteFailure } from "../domain/log/Errors.ts"
import type { LocalRecord } from "../domain/log/LocalRecord.ts"
import { DirectoryOfAnotherNode } from "../domain/state/Errors.ts"
import { Csprng } from "../services/Csprng.ts"
import { LocalStore } from "../services/LocalStore.ts"
import { Opening } from "../services/Opening.ts"
import { attempt } from "./SynchronousFailure.ts"

const hex128 = (bytes: Buffer): string => bytes.toString("hex")

const make = Effect.fnUntraced(function* (options: { readonly nodeName: NodeName }) {
  const csprng = yield* Csprng
  const local = yield* LocalStore
  const { nodeName } = options

  const found = yield* attempt(local.read)
  if (found !== undefined && found.nodeName !== nodeName) {
    return yield* new DirectoryOfAnotherNode({ expected: nodeName, found: found.nodeName })
  }
  let record: LocalRecord =
    found === undefined ? created(nodeName, csprng) : { ...found, bootCount: found.bootCount + 1 }
  yield* local.write(record)

  const epochs = new Map<KeyId, LocalEpoch>()
  const oneAtATime = Semaphore.makeUnsafe(1)
  const epochFor = (keyId: KeyId) =>
    Effect.suspend((): Effect.Effect<LocalEpoch, LocalEpochExhausted | LogWriteFailure> => {
      const current = epochs.get(keyId)
      if (current !== undefined) return Effect.succeed(current)
      const last = record.epochs.get(keyId) ?? 0
      if (last >= Limits.localEpochMax) {
        return Effect.fail(new LocalEpochExhausted({ keyId }))
      }
      const epoch = (last + 1) as LocalEpoch
      const next = { ...record, epochs: new Map(record.epochs).set(keyId, epoch) }
      return local.write(next).pipe(
        Effect.map(() => {
          record = next
          epochs.set(keyId, epoch)
          return epoch
        }),
        Effect.uninterruptible
      )
    }).pipe(oneAtATime.withPermits(1))

  return Opening.of({
    nodeName,
    memberId: 1 as MemberId,
    incarnation: record.incarnation,
    clusterId: record.clusterId,
    groupId: record.groupId,
    openingId: hex128(csprng.bytes(16)) as OpeningId,
    bootCount: record.bootCount,
    epochFor,
    currentEpoch: (keyId) => epochs.get(keyId)
  })
})

/** A new node founds a cluster of its own; joining another one comes with membership (SPEC §15). */
const created = (nodeName: NodeName, csprng: Csprng["Service"]): LocalRecord => ({
  nodeName,
  incarnation: hex128(csprng.bytes(16)) as Incarnation,
  clusterId: hex128(csprng.bytes(16)) as ClusterId,
  groupId: 0 as GroupId,
  bootCount: 1,
  epochs: new Map(),
  peerBootCounts: new Map()
})

/** Fails with `DirectoryOfAnotherNode` if the directory was created under another name. */
export const layer = (options: { readonly nodeName: NodeName }) =>
  Layer.effect(Opening, make(options))
