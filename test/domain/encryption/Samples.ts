/** Keys and identities of the golden bytes. Key bytes are counted up from a first byte. */
import * as DataKey from "../../../src/domain/encryption/DataKey.ts"
import * as Nonce from "../../../src/domain/encryption/Nonce.ts"
import {
  ClusterId,
  GroupId,
  Incarnation,
  KeyId,
  LocalEpoch,
  LogIndex,
  NodeName,
  OpeningId,
  Revision,
  Term,
  WriterId
} from "../../../src/domain/Ids.ts"

export const clusterId = ClusterId.make("000102030405060708090a0b0c0d0e0f")
export const otherClusterId = ClusterId.make("000102030405060708090a0b0c0d0e10")
export const incarnation = Incarnation.make("202122232425262728292a2b2c2d2e2f")
export const otherIncarnation = Incarnation.make("303132333435363738393a3b3c3d3e3f")
export const openingId = OpeningId.make("505152535455565758595a5b5c5d5e5f")
export const otherOpeningId = OpeningId.make("606162636465666768696a6b6c6d6e6f")
export const nodeName = NodeName.make("n1")
export const writer = { nodeName, incarnation }

export const keyId = KeyId.make(0xa1b2c3d4)
export const groupId = GroupId.make(5)

export const index = (value: number): LogIndex => LogIndex.make(value)
export const term = (value: number): Term => Term.make(value)
export const revision = (value: number): Revision => Revision.make(value)
export const epoch = (value: number): LocalEpoch => LocalEpoch.make(value)
export const key = (value: number): KeyId => KeyId.make(value)

/** 32 bytes from `first` up, in a buffer of their own. */
export function keyBytes(first: number): Uint8Array {
  return Uint8Array.from({ length: DataKey.keyBytes }, (_, at) => first + at)
}

export const raftKeyBytes = () => keyBytes(0x40)
export const storageKeyBytes = () => keyBytes(0x60)
export const kekBytes = () => keyBytes(0x80)

export const raftIdentity = { id: keyId, purpose: "raft", clusterId } as const
export const storageIdentity = { id: keyId, purpose: "storage", clusterId } as const
export const raftKey = new DataKey.DataKey(raftIdentity, raftKeyBytes())
export const storageKey = new DataKey.DataKey(storageIdentity, storageKeyBytes())
export const kek = new DataKey.KeyEncryptionKey(kekBytes())

/** A keystore of these keys. */
export const holding =
  (...keys: ReadonlyArray<DataKey.DataKey>) =>
  (keyId: KeyId): DataKey.DataKey | undefined =>
    keys.find(({ id }) => id === keyId)

export const raftNonce = Nonce.raft({
  writerId: WriterId.make(2),
  localEpoch: epoch(3),
  writeCount: 4
})
export const storageNonce = Nonce.storage({
  groupId,
  revision: revision(0x0a0b0c0d0e0f),
  operation: 1
})
