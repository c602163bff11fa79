/** How fast values of one size are sealed on one thread, with nothing else to do. */
import { randomBytes } from "node:crypto"
import { performance } from "node:perf_hooks"
import * as DataKey from "../src/domain/encryption/DataKey.ts"
import * as Nonce from "../src/domain/encryption/Nonce.ts"
import * as RaftEnvelope from "../src/domain/encryption/RaftEnvelope.ts"
import * as StorageEnvelope from "../src/domain/encryption/StorageEnvelope.ts"
import {
  ClusterId,
  GroupId,
  KeyId,
  LocalEpoch,
  LogIndex,
  Revision,
  Term,
  WriterId
} from "../src/domain/Ids.ts"
import { type Summary, summaryOf } from "./Summary.ts"

/** Seals per second. */
export interface SealRates {
  readonly raftEnvelope: Summary
  readonly storageEnvelope: Summary
}

const sealCount = 50_000
const groupId = GroupId.make(0)

const keyOf = (purpose: DataKey.KeyPurpose) => {
  const clusterId = ClusterId.make(randomBytes(16).toString("hex"))
  const bytes = new Uint8Array(randomBytes(DataKey.keyBytes))
  return new DataKey.DataKey({ id: KeyId.make(1), purpose, clusterId }, bytes)
}

const perSecond = (seal: (count: number) => void): number => {
  const startedAt = performance.now()
  for (let count = 1; count <= sealCount; count++) seal(count)
  return (sealCount * 1000) / (performance.now() - startedAt)
}

export function measure({
  rounds,
  valueBytes
}: {
  readonly rounds: number
  readonly valueBytes: number
}): SealRates {
  const [raftKey, storageKey] = [keyOf("raft"), keyOf("storage")]
  const value = Buffer.alloc(valueBytes, 0x5a)
  const storeKey = Buffer.alloc(16)
  const writer = { writerId: WriterId.make(1), localEpoch: LocalEpoch.make(1) }
  const sealEntry = (count: number) => {
    const nonce = Nonce.raft({ ...writer, writeCount: count })
    const place = { groupId, term: Term.make(1), index: LogIndex.make(count) }
    RaftEnvelope.seal({ key: raftKey, nonce, ...place }, value)
  }
  const sealValue = (count: number) => {
    const revision = Revision.make(count)
    const nonce = Nonce.storage({ groupId, revision, operation: 0 })
    StorageEnvelope.seal({ key: storageKey, nonce, groupId, revision, storeKey }, value)
  }
  const results: Record<keyof SealRates, Array<number>> = { raftEnvelope: [], storageEnvelope: [] }
  for (let round = 0; round <= rounds; round++) {
    const rates = { raftEnvelope: perSecond(sealEntry), storageEnvelope: perSecond(sealValue) }
    // The first round warms up.
    if (round === 0) continue
    results.raftEnvelope.push(rates.raftEnvelope)
    results.storageEnvelope.push(rates.storageEnvelope)
  }
  return {
    raftEnvelope: summaryOf(results.raftEnvelope),
    storageEnvelope: summaryOf(results.storageEnvelope)
  }
}
