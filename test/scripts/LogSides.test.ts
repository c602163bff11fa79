/** What is said of a log in which an entry is on the wrong side of the cutover marker. */
import { describe, expect, it } from "vitest"
import * as LogSides from "../../scripts/cluster/LogSides.ts"
import * as RaftEnvelope from "../../src/domain/encryption/RaftEnvelope.ts"
import type { KeyId, LogIndex, ProposalId } from "../../src/domain/Ids.ts"
import * as Payload from "../../src/domain/log/Payload.ts"
import * as ProposalEnvelope from "../../src/domain/log/ProposalEnvelope.ts"
import { SessionId } from "../../src/domain/log/Request.ts"
import type { EntryKind } from "../../src/domain/raft/Entry.ts"
import * as Samples from "../domain/encryption/Samples.ts"

const { groupId, keyId, raftKey: key, raftNonce: nonce } = Samples
const marker = { cutoverIndex: 70, raftKeyId: keyId }

const entry = (index: number, body: Uint8Array, kind: EntryKind = "normal") => ({
  ...{ index: index as LogIndex, kind },
  data: ProposalEnvelope.encode({ proposalId: 1n as ProposalId, body })
})
const payload = Payload.encode({
  _tag: "OpenSession",
  sessionId: SessionId.make("00".repeat(16))
})
const enabled = Payload.encode({ _tag: "EnableRaftEnvelope", raftKeyId: keyId })
const plain = (index: number) => entry(index, payload)
const sealed = (index: number) => {
  const place = { groupId, term: Samples.term(1), index: Samples.index(index) }
  return entry(index, RaftEnvelope.seal({ ...place, key, nonce }, payload))
}
const noop = { index: 72 as LogIndex, kind: "noop", data: new Uint8Array() } as const
const good = [plain(68), plain(69), entry(70, enabled), sealed(71), noop, sealed(73)]

const sidesOf = (entries: Parameters<typeof LogSides.sidesOf>[1], at = marker) =>
  LogSides.sidesOf("n1", entries, at)
const findings = (...given: Parameters<typeof sidesOf>) => LogSides.findings([sidesOf(...given)])

describe("a log of which each entry is what its index says", () => {
  it("has no finding, and has been looked at", () => {
    expect(sidesOf(good)).toEqual({
      ...{ nodeName: "n1", hasMarker: true, below: 2, above: 2, misplaced: [] }
    })
    expect(findings(good)).toEqual([])
    expect(LogSides.undecided([sidesOf(good)])).toEqual([])
  })
})

describe("an entry on the wrong side of the marker is reported:", () => {
  it.each([
    ["plain above it", good.with(3, plain(71)), "71 is plain"],
    ["sealed below it", good.with(1, sealed(69)), "69 is sealed"],
    ["another one in its place", good.with(2, plain(70)), "70 is plain"],
    ["a noop in its place", good.with(2, { ...noop, index: 70 as LogIndex }), "70 is neither"],
    ["sealed in its place", good.with(2, sealed(70)), "70 is sealed"],
    [
      "bytes of nobody above it",
      good.with(3, entry(71, new Uint8Array(40).fill(255))),
      "71 is neither"
    ],
    ["cut short above it", good.with(3, entry(71, new Uint8Array())), "71 is neither"]
  ])("%s", (_what, entries, finding) => {
    expect(findings(entries)).toEqual([
      expect.stringMatching(`^1 entries in the log of n1 are on the wrong side .*: ${finding}`)
    ])
  })

  it("under another key than the marker's", () => {
    expect(findings(good, { ...marker, raftKeyId: (keyId + 1) as KeyId })).toEqual([
      expect.stringContaining("71 is neither plain nor sealed under the raft key, 73 is neither")
    ])
  })

  it("and so is a marker that is not where the operator was told", () => {
    expect(findings(good, { ...marker, cutoverIndex: 69 })).toEqual([
      expect.stringContaining("69 is plain, 70 is plain")
    ])
  })
})

describe("logs that were compacted", () => {
  it.each([
    ["beyond the marker", good.slice(3)],
    ["to the marker", good.slice(2)],
    ["or end at it", good.slice(0, 3)]
  ])("%s say nothing, unless another node has both sides", (_what, entries) => {
    expect(LogSides.undecided([sidesOf(entries)])).toHaveLength(1)
    expect(LogSides.undecided([sidesOf(entries), sidesOf(good)])).toEqual([])
  })
})
