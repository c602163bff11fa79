import { describe, expect, it } from "vitest"
import * as Machine from "../../../src/domain/cutover/CutoverMachine.ts"
import * as Preflight from "../../../src/domain/cutover/Preflight.ts"
import * as Sidecar from "../../../src/domain/encryption/SidecarState.ts"
import { LeaderNotReady, SpaceLow } from "../../../src/domain/engine/Errors.ts"
import type { ClusterId, KeyId, LogIndex, Term } from "../../../src/domain/Ids.ts"

const term = 3 as Term
const key = 7 as KeyId
const phase1: Sidecar.SidecarState = {
  ...Sidecar.initial("00".repeat(16) as ClusterId),
  active: { storage: 5 as KeyId, raft: key },
  storageEnvelopeIndex: 4 as LogIndex
}
const facts: Preflight.Facts = {
  state: Machine.idle,
  intake: { _tag: "Open", term },
  sidecar: phase1,
  markerCounts: false,
  spaceLow: undefined
}
const ready = { _tag: "Ready", term, raftKeyId: key } as const

const outcomeOf = (decision: Preflight.Decision): string =>
  decision._tag === "Refused" ? decision.refusal._tag : decision._tag

/** Each spoils one thing; the order is that of SPEC §12: the earlier one decides. */
const spoilers: ReadonlyArray<readonly [string, (facts: Preflight.Facts) => Preflight.Facts]> = [
  ["CutoverInFlight", (of) => ({ ...of, state: { _tag: "Draining", term } })],
  [
    "LeaderNotReady",
    (of) => ({ ...of, intake: { _tag: "Shut", reason: new LeaderNotReady({ awaits: "noop" }) } })
  ],
  [
    "AlreadyActive",
    (of) => ({ ...of, sidecar: { ...of.sidecar, raftEnvelopeCutoverIndex: 9 as LogIndex } })
  ],
  [
    "EncryptionNotBootstrapped",
    (of) => ({ ...of, sidecar: { ...of.sidecar, active: { storage: 0, raft: 0 } as never } })
  ],
  [
    "StorageEnvelopeNotEnabled",
    (of) => ({ ...of, sidecar: { ...of.sidecar, storageEnvelopeIndex: 0 as LogIndex } })
  ],
  ["CutoverInFlight", (of) => ({ ...of, markerCounts: true })],
  ["SpaceLow", (of) => ({ ...of, spaceLow: new SpaceLow({ freeBytes: 1, freeBytesMin: 2 }) })]
]

describe("the preflight of the cutover (SPEC §12)", () => {
  it("is ready in phase 1 on a leader, with the term and the raft DEK of that moment", () => {
    expect(Preflight.decide(facts)).toEqual(ready)
    expect(Preflight.decideAgain(ready, facts)).toEqual(ready)
  })

  it("refuses for the first reason that holds, of any two, each time it is asked", () => {
    for (const [first, [expected, spoil]] of spoilers.entries()) {
      for (const [, spoilToo] of spoilers.slice(first)) {
        const spoiled = spoil(spoilToo(facts))
        expect(outcomeOf(Preflight.decide(spoiled))).toBe(expected)
        expect(outcomeOf(Preflight.decideAgain(ready, spoiled))).toBe(expected)
      }
    }
  })

  it("does not begin in another term, or for another raft DEK, than the gate was asked about", () => {
    const later = { ...facts, intake: { _tag: "Open", term: 4 as Term } as const }
    expect(outcomeOf(Preflight.decideAgain(ready, later))).toBe("NotLeader")
    const active = { ...phase1.active, raft: 8 as KeyId }
    const rotated = { ...facts, sidecar: { ...phase1, active } }
    expect(outcomeOf(Preflight.decideAgain(ready, rotated))).toBe("RaftDekChanged")
  })
})
