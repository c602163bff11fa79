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

  it("are told of the stop, and of a new proposal at their index", () => {
    const { appended, events, pending } = collect()
    appended(3, 2, 7n)
    appended(3, 4, 8n)
    expect(events).toEqual(["Superseded"])
    pending.stopped("because")
    expect(events).toEqual(["Superseded", "Stopped"])
    expect(pending.count).toBe(0)
  })
})
