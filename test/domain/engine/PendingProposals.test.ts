import { describe, expect, it } from "vitest"
import {
  PendingProposals,
  type ProposalEvent
} from "../../../src/domain/engine/PendingProposals.ts"
import type { LogIndex, Term } from "../../../src/domain/Ids.ts"

const at = (index: number) => index as LogIndex
const ofTerm = (term: number) => term as Term
const noop = { _tag: "Noop" } as const

function collect() {
  const events: Array<ProposalEvent["_tag"]> = []
  const pending = new PendingProposals()
  const appended = (index: number, term: number, proposalId: bigint) =>
    pending.appended(at(index), {
      term: ofTerm(term),
      proposalId,
      onEvent: ({ _tag }) => events.push(_tag)
    })
  const applied = (index: number, term: number, proposalId: bigint | undefined) =>
    pending.applied(
      { index: at(index), term: ofTerm(term), kind: "normal", data: Buffer.alloc(0) },
      proposalId,
      noop
    )
  return { events, pending, appended, applied }
}

describe("pending proposals (SPEC §7)", () => {
  it("are answered by position and id, once", () => {
    const { applied, appended, events, pending } = collect()
    appended(3, 2, 7n)
    applied(2, 2, 7n)
    expect(events).toEqual([])
    applied(3, 2, 7n)
    applied(3, 2, 7n)
    expect(events).toEqual(["Applied"])
    expect(pending.count).toBe(0)
  })

  it("are superseded by an entry of another term, or with another id", () => {
    for (const [term, id] of [
      [3, 7n],
      [2, 8n],
      [2, undefined]
    ] as const) {
      const { applied, appended, events } = collect()
      appended(3, 2, 7n)
      applied(3, term, id)
      expect(events).toEqual(["Superseded"])
    }
  })

  it("hear that their term was left, and may still be applied", () => {
    const { applied, appended, events, pending } = collect()
    appended(3, 2, 7n)
    pending.termLeft(ofTerm(2))
    applied(3, 2, 7n)
    expect(events).toEqual(["TermLeft", "Applied"])
  })

  it("are told of the stop", () => {
    const { appended, events, pending } = collect()
    appended(3, 2, 7n)
    appended(3, 4, 8n)
    pending.stopped("because")
    expect(events).toEqual(["Stopped", "Stopped"])
    expect(pending.count).toBe(0)
  })

  it("hear nothing of a later proposal at their index: another member may commit theirs yet", () => {
    const told: Array<string> = []
    const pending = new PendingProposals()
    const append = (term: number, proposalId: bigint) =>
      pending.appended(at(3), {
        term: ofTerm(term),
        proposalId,
        onEvent: ({ _tag }) => told.push(`${term} ${_tag}`)
      })
    append(2, 7n)
    pending.termLeft(ofTerm(2))
    append(4, 8n)
    expect(told).toEqual(["2 TermLeft"])
    const entry = { index: at(3), term: ofTerm(2), kind: "normal", data: Buffer.alloc(0) } as const
    pending.applied(entry, 7n, noop)
    expect(told).toEqual(["2 TermLeft", "2 Applied", "4 Superseded"])
    expect(pending.count).toBe(0)
  })

  it("hear that a snapshot has covered their index, which says nothing of their fate", () => {
    const { appended, events, pending } = collect()
    appended(3, 2, 7n)
    appended(5, 2, 8n)
    pending.covered(at(4))
    expect(events).toEqual(["Covered"])
    expect(pending.count).toBe(1)
  })

  it("are forgotten one by one", () => {
    const { appended, events, pending } = collect()
    appended(3, 2, 7n)
    appended(3, 4, 8n)
    pending.forget({ index: at(3), term: ofTerm(4) })
    expect(pending.count).toBe(1)
    pending.stopped("because")
    expect(events).toEqual(["Stopped"])
  })
})
