/**
 * What the entries up to a position say of encryption, as a function of them alone (SPEC §19): which
 * keys there are, which raft DEK is active, and where the marker that counts stands.
 *
 * A model beside `SidecarState`, not a use of it: so a mistake there shows as a log that is sealed
 * otherwise than this says. Proof: `PrefixEncryption.test.ts`.
 */
import * as Result from "effect/Result"
import * as Command from "../../src/domain/encryption/Command.ts"
import { type DataKey, KeyEncryptionKey, keyBytes } from "../../src/domain/encryption/DataKey.ts"
import * as WrappedDek from "../../src/domain/encryption/WrappedDek.ts"
import type { ClusterId, KeyId } from "../../src/domain/Ids.ts"
import * as Limits from "../../src/domain/Limits.ts"

export interface PrefixEncryption {
  readonly known: ReadonlySet<number>
  /** For reading: also of keys that are not known any more. */
  readonly raftKeys: ReadonlyMap<number, DataKey>
  readonly active: { readonly storage: number; readonly raft: number }
  readonly isStorageSealed: boolean
  /** Of the first marker that names the raft DEK that is active there; 0 = none. */
  readonly cutoverIndex: number
}

export const initial: PrefixEncryption = {
  known: new Set(),
  raftKeys: new Map(),
  active: { storage: 0, raft: 0 },
  isStorageSealed: false,
  cutoverIndex: 0
}

/** Whose KEK it is: all simulated nodes have one. */
export interface Cluster {
  readonly kek: KeyEncryptionKey
  readonly clusterId: ClusterId
}

export const kekOf = (value: number): KeyEncryptionKey => {
  const bytes = Buffer.allocUnsafeSlow(keyBytes)
  bytes.fill(value)
  return new KeyEncryptionKey(bytes)
}

/** After one more entry of this payload, in clear; the same object if it says nothing of encryption. */
export function after(
  before: PrefixEncryption,
  { index, payload }: { readonly index: number; readonly payload: Uint8Array },
  cluster: Cluster
): PrefixEncryption {
  const { bootstrap, keyLifecycle } = Command.opcodes
  if (payload[0] !== bootstrap && payload[0] !== keyLifecycle) return before
  const decoded = Command.decode(payload)
  return Result.isSuccess(decoded) ? commanded(before, decoded.success, index, cluster) : before
}

function commanded(
  before: PrefixEncryption,
  command: Command.Command,
  index: number,
  cluster: Cluster
): PrefixEncryption {
  const { active, cutoverIndex, isStorageSealed, known } = before
  const isBootstrapped = active.raft !== 0
  switch (command._tag) {
    case "Bootstrap": {
      const { raft, storage } = command
      if (known.size > 0 || raft.keyId === storage.keyId) return before
      const first = created(before, "storage", storage, cluster)
      return created(first, "raft", raft, cluster)
    }
    case "Rotate":
      if (!isBootstrapped || known.has(command.keyId)) return before
      if (command.replaces !== active[command.purpose]) return before
      return known.size >= Limits.dataKeysMax
        ? before
        : created(before, command.purpose, command, cluster)
    case "Retire": {
      const isActive = command.keyId === active.raft || command.keyId === active.storage
      const left = [...known].filter((id) => id !== command.keyId)
      return isActive ? before : { ...before, known: new Set(left) }
    }
    case "Rewrap":
      return before
    case "EnableStorageEnvelope":
      return isBootstrapped && command.storageKeyId === active.storage
        ? { ...before, isStorageSealed: true }
        : before
    case "EnableRaftEnvelope": {
      const isEffective = isStorageSealed && cutoverIndex === 0 && command.raftKeyId === active.raft
      return isEffective ? { ...before, cutoverIndex: index } : before
    }
  }
}

function created(
  before: PrefixEncryption,
  purpose: "storage" | "raft",
  { keyId, wrapped }: { readonly keyId: KeyId; readonly wrapped: Uint8Array },
  { clusterId, kek }: Cluster
): PrefixEncryption {
  const known = new Set(before.known).add(keyId)
  const active = { ...before.active, [purpose]: keyId }
  if (purpose === "storage") return { ...before, known, active }
  const identity = { id: keyId, purpose, clusterId }
  const key = Result.getOrThrow(WrappedDek.unwrap({ kek, identity }, wrapped))
  return { ...before, known, active, raftKeys: new Map(before.raftKeys).set(keyId, key) }
}
