import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Nonce from "../../../src/domain/encryption/Nonce.ts"
import { type GroupId, type LocalEpoch, type Revision, WriterId } from "../../../src/domain/Ids.ts"
import { hex } from "../bytes/Decoding.ts"
import { epoch, groupId, revision } from "./Samples.ts"

const writerId = WriterId.make(0x0102)

// Few values of each part, at the edges of their fields, so that equal parts occur and carries would.
const storageParts = Schema.Struct({
  groupId: Schema.Literals([0, 1, 256, 0xffff]),
  revision: Schema.Literals([1, 2, 256, 2 ** 32 - 1, 2 ** 32, 2 ** 48 - 1]),
  operation: Schema.Literals([0, 1, 2 ** 16, 2 ** 32 - 1])
})
const raftParts = Schema.Struct({
  writerId: Schema.Literals([1, 2, 256, 0xffff]),
  localEpoch: Schema.Literals([1, 2, 256, 0xffff]),
  writeCount: Schema.Literals([1, 2, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER])
})

describe("Nonce", () => {
  // By hand from SPEC §6.
  it("of a value is group, revision, operation", () => {
    const nonce = Nonce.storage({
      groupId,
      revision: revision(0x0a0b0c0d0e0f),
      operation: 0x10111213
    })
    expect(nonce).toEqual(hex("0005 0a0b0c0d0e0f 10111213"))
    const last = {
      groupId: 0xffff as GroupId,
      revision: revision(2 ** 48 - 1),
      operation: 2 ** 32 - 1
    }
    expect(Nonce.storage(last)).toEqual(hex("ffff ffffffffffff ffffffff"))
  })

  it("of an entry is writer, epoch, count", () => {
    const nonce = Nonce.raft({ writerId, localEpoch: epoch(0x0304), writeCount: 0x05060708090a })
    expect(nonce).toEqual(hex("0102 0304 000005060708090a"))
  })

  it.prop(
    "differs whenever a part differs",
    { a: storageParts, b: storageParts },
    ({ a, b }) => {
      const nonce = (parts: typeof a) =>
        Nonce.storage({
          groupId: parts.groupId as GroupId,
          revision: parts.revision as Revision,
          operation: parts.operation
        }).toString("hex")
      const areSame =
        a.groupId === b.groupId && a.revision === b.revision && a.operation === b.operation
      expect(nonce(a) === nonce(b)).toBe(areSame)
    },
    { arbitrary: { runs: 500, seed: 21 } }
  )

  it.prop(
    "of an entry differs whenever a part differs",
    { a: raftParts, b: raftParts },
    ({ a, b }) => {
      const nonce = (parts: typeof a) =>
        Nonce.raft({
          writerId: parts.writerId as WriterId,
          localEpoch: parts.localEpoch as LocalEpoch,
          writeCount: parts.writeCount
        }).toString("hex")
      const areSame =
        a.writerId === b.writerId && a.localEpoch === b.localEpoch && a.writeCount === b.writeCount
      expect(nonce(a) === nonce(b)).toBe(areSame)
    },
    { arbitrary: { runs: 500, seed: 22 } }
  )

  it("is never made of a part that does not fit", () => {
    const storage = { groupId, revision: revision(1), operation: 0 }
    for (const wrong of [
      { groupId: 0x10000 as GroupId },
      { revision: 0 as Revision },
      { revision: (2 ** 48) as Revision },
      { operation: -1 },
      { operation: 2 ** 32 },
      { operation: 0.5 }
    ]) {
      expect(() => Nonce.storage({ ...storage, ...wrong })).toThrow("fits in")
    }
    const raft = { writerId, localEpoch: epoch(1), writeCount: 1 }
    for (const wrong of [
      { writerId: 0 as WriterId },
      { writerId: 0x10000 as WriterId },
      { localEpoch: 0 as LocalEpoch },
      { localEpoch: 0x10000 as LocalEpoch },
      { writeCount: 0 },
      { writeCount: 2 ** 53 }
    ]) {
      expect(() => Nonce.raft({ ...raft, ...wrong })).toThrow(/within|exact/)
    }
    expect(() => Nonce.random(Buffer.alloc(11))).toThrow("12 bytes")
  })
})
