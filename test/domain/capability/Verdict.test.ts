import { describe, expect, it } from "@effect/vitest"
import type { CapabilityAnswer } from "../../../src/domain/capability/CapabilityAnswer.ts"
import * as Formats from "../../../src/domain/capability/Formats.ts"
import * as Reason from "../../../src/domain/capability/Reason.ts"
import * as Verdict from "../../../src/domain/capability/Verdict.ts"
import {
  ClusterId,
  Incarnation,
  KeyId,
  LogIndex,
  MemberId,
  NodeName,
  OpeningId
} from "../../../src/domain/Ids.ts"
import * as SnapshotHeader from "../../../src/domain/snapshot/SnapshotHeader.ts"

const cluster = (digit: string) => ClusterId.make(digit.repeat(32))
const opening = (digit: string) => OpeningId.make(digit.repeat(32))
const keyIds = [KeyId.make(7), KeyId.make(9)]
const proof = Buffer.alloc(32)

const asked: Verdict.Asked = {
  nodeName: NodeName.make("n2"),
  incarnation: Incarnation.make("2".repeat(32)),
  member: { clusterId: cluster("c"), id: MemberId.make(2) }
}
const able: CapabilityAnswer = {
  ...asked,
  requestId: 1n,
  encryption: "ready",
  epoch: 4,
  epochTakenBy: undefined,
  softwareVersion: "0.1.0",
  formats: Formats.own,
  proofs: keyIds.map((keyId) => ({ keyId, proof }))
}
const facts: Verdict.Facts = {
  keyIds,
  proven: new Set(keyIds),
  row: { lastEpoch: 4 as never, openingId: opening("a") }
}
const reasonOf = (answer: Partial<CapabilityAnswer>, known: Partial<Verdict.Facts> = {}) =>
  Verdict.judge(asked, { ...able, ...answer }, { ...facts, ...known }).reason

describe("the verdict over a node", () => {
  it("is good for one that answers everything right", () => {
    expect(reasonOf({})).toBeUndefined()
    expect(reasonOf({ epoch: 4, epochTakenBy: opening("a") })).toBeUndefined()
    expect(reasonOf({ epoch: 5, epochTakenBy: opening("b") })).toBeUndefined()
    expect(reasonOf({ epoch: 0 }, { row: undefined })).toBeUndefined()
    expect(reasonOf({ formats: new Map([...Formats.own, [99, 1]]) })).toBeUndefined()
  })

  it.each<[string, Partial<CapabilityAnswer>, Partial<Verdict.Facts>, object]>([
    [
      "of another cluster",
      { member: { clusterId: cluster("d"), id: MemberId.make(2) } },
      {},
      { _tag: "WrongIdentity", difference: "cluster" }
    ],
    ["that is none", { member: undefined }, {}, { _tag: "WrongIdentity", difference: "cluster" }],
    [
      "that is another member",
      { member: { clusterId: cluster("c"), id: MemberId.make(3) } },
      {},
      { _tag: "WrongIdentity", difference: "member" }
    ],
    [
      "of another name",
      { nodeName: NodeName.make("n3") },
      {},
      { _tag: "WrongIdentity", difference: "name" }
    ],
    [
      "of another directory",
      { incarnation: Incarnation.make("3".repeat(32)) },
      {},
      { _tag: "WrongIdentity", difference: "incarnation" }
    ],
    [
      "that knows no snapshot of version 2",
      { formats: new Map([...Formats.own, [6, 1]]) },
      {},
      { _tag: "FormatTooOld", format: "snapshot header", needed: 2, understood: 1 }
    ],
    [
      "that knows no format",
      { formats: new Map() },
      {},
      { _tag: "FormatTooOld", format: "wrapped DEK", needed: 1, understood: 0 }
    ],
    ["without encryption", { encryption: "off" }, {}, { _tag: "EncryptionOff" }],
    ["without a KEK", { encryption: "withoutKek" }, {}, { _tag: "KekMissing" }],
    ["that proves no key", { proofs: [] }, {}, { _tag: "KeyNotHeld", keyIds }],
    [
      "that proves one of two keys",
      { proofs: able.proofs.slice(0, 1) },
      {},
      { _tag: "KeyNotHeld", keyIds: [9] }
    ],
    [
      "whose proof is wrong",
      {},
      { proven: new Set([KeyId.make(7)]) },
      { _tag: "ProofWrong", keyIds: [9] }
    ],
    [
      "whose epoch is too large",
      { epoch: 0x10000 },
      {},
      { _tag: "LocalEpochOutOfRange", epoch: 65_536 }
    ],
    [
      "whose epoch went back",
      { epoch: 3 },
      {},
      { _tag: "EpochBelowRegistry", epoch: 3, registered: 4 }
    ],
    [
      "whose epoch another opening registered",
      { epoch: 4, epochTakenBy: opening("b") },
      {},
      { _tag: "EpochBelowRegistry", epoch: 4, registered: 4 }
    ],
    ["that has no epoch left", { epoch: 0xffff }, {}, { _tag: "EpochExhausted", epoch: 65_535 }]
  ])("is bad for one %s", (_, answer, known, reason) => {
    expect(reasonOf(answer, known)).toEqual(reason)
  })

  it("lets a node use its last epoch in the opening that has taken it", () => {
    expect(reasonOf({ epoch: 0xffff, epochTakenBy: opening("b") })).toBeUndefined()
  })

  it("takes no member for the node that is to become one", () => {
    const newcomer = { ...asked, member: undefined }
    const answer = { ...able, member: undefined }
    expect(Verdict.judge(newcomer, answer, facts).reason).toBeUndefined()
    expect(Verdict.judge(newcomer, able, facts).reason).toMatchObject({ difference: "cluster" })
  })

  it("names every node that cannot take part, and no other", () => {
    const silent = Verdict.unreachable({ ...asked, nodeName: NodeName.make("n3") }, "silent")
    const good = Verdict.judge(asked, able, facts)
    expect(Verdict.refused([good, silent])).toEqual([
      { nodeName: "n3", reason: { _tag: "Unreachable", detail: "silent" } }
    ])
    expect(Reason.sentenceOf(silent.reason!)).toContain("did not answer in time")
  })
})

it("the version of the snapshot header is the one that is written", () => {
  const written = SnapshotHeader.encode({ ceiling: LogIndex.make(2), cutover: LogIndex.make(1) })
  const { version } = Formats.formats.find(({ name }) => name === "snapshot header")!
  expect(written.subarray(0, 8).toString()).toBe(`SEALSNP${version}`)
})
