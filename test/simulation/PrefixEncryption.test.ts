/**
 * The model of what a prefix of the log says of encryption agrees with the replicated state over random
 * commands, refused and accepted ones (SPEC §11, §19: what makes a marker effective).
 */
import * as Result from "effect/Result"
import { describe, expect, it } from "vitest"
import * as Command from "../../src/domain/encryption/Command.ts"
import { DataKey, type KeyPurpose, keyBytes } from "../../src/domain/encryption/DataKey.ts"
import * as Nonce from "../../src/domain/encryption/Nonce.ts"
import * as Sidecar from "../../src/domain/encryption/SidecarState.ts"
import * as WrappedDek from "../../src/domain/encryption/WrappedDek.ts"
import type { ClusterId, KeyId, LogIndex, Revision } from "../../src/domain/Ids.ts"
import { type SeededNumbers, seededNumbers } from "../support/SeededNumbers.ts"
import * as PrefixEncryption from "./PrefixEncryption.ts"

const clusterId = "ab".repeat(16) as ClusterId
const cluster = { clusterId, kek: PrefixEncryption.kekOf(3) }

const delivery = (id: number, purpose: KeyPurpose): Command.KeyDelivery => {
  const keyId = id as KeyId
  const bytes = Buffer.allocUnsafeSlow(keyBytes)
  const dek = new DataKey({ id: keyId, purpose, clusterId }, bytes.fill(id))
  const nonce = Nonce.random(Buffer.alloc(Nonce.bytes, id))
  return { keyId, wrapped: WrappedDek.wrap({ kek: cluster.kek, nonce }, dek) }
}

/** Of few ids, so that many are refused. */
function drawn(numbers: SeededNumbers): Command.Command {
  const keyId = (1 + numbers.below(5)) as KeyId
  switch (numbers.below(6)) {
    case 0:
      return {
        _tag: "Bootstrap",
        storage: delivery(keyId, "storage"),
        raft: delivery(1 + numbers.below(5), "raft"),
        writers: []
      }
    case 1: {
      const purpose = numbers.below(2) === 0 ? "storage" : "raft"
      const replaces = (1 + numbers.below(5)) as KeyId
      return { _tag: "Rotate", purpose, replaces, ...delivery(keyId, purpose) }
    }
    case 2:
      return { _tag: "Retire", keyId }
    case 3:
      return { _tag: "EnableStorageEnvelope", storageKeyId: keyId }
    default:
      return { _tag: "EnableRaftEnvelope", raftKeyId: keyId }
  }
}

describe("what a prefix of the log says of encryption", () => {
  it("is what a replica that has applied it knows, over 400 logs", () => {
    let cutOvers = 0
    for (let seed = 1; seed <= 400; seed++) {
      const numbers = seededNumbers(seed)
      let sidecar = Sidecar.initial(clusterId)
      let prefix = PrefixEncryption.initial
      for (let index = 1; index <= 30; index++) {
        const command = drawn(numbers)
        const at = { index: index as LogIndex, revision: 0 as Revision }
        sidecar = Sidecar.apply(sidecar, command, at).state
        prefix = PrefixEncryption.after(
          prefix,
          { index, payload: Command.encode(command) },
          cluster
        )
        expect(prefix.cutoverIndex).toBe(sidecar.raftEnvelopeCutoverIndex)
        expect(prefix.active).toEqual(sidecar.active)
        expect([...prefix.known].sort()).toEqual(sidecar.keys.map(({ id }) => id))
      }
      cutOvers += Number(prefix.cutoverIndex !== 0)
    }
    expect(cutOvers).toBeGreaterThan(100)
  })

  it("is the same object after an entry that says nothing of it", () => {
    const payload = Buffer.from([0x00, 1, 2, 3])
    const { initial } = PrefixEncryption
    expect(PrefixEncryption.after(initial, { index: 1, payload }, cluster)).toBe(initial)
    expect(Result.isFailure(Command.decode(payload))).toBe(true)
  })
})
