import { describe, expect, it } from "vitest"
import * as Command from "../../../src/domain/encryption/Command.ts"
import { AppendGuard } from "../../../src/domain/engine/AppendGuard.ts"
import type { KeyId, LogIndex, Term } from "../../../src/domain/Ids.ts"
import * as ProposalEnvelope from "../../../src/domain/log/ProposalEnvelope.ts"
import type { Entry } from "../../../src/domain/raft/Entry.ts"
import { seededNumbers } from "../../support/SeededNumbers.ts"

const marker = Command.encode({ _tag: "EnableRaftEnvelope", raftKeyId: 9 as KeyId })
const rotation = Command.encode({ _tag: "Retire", keyId: 9 as KeyId })

const entry = (index: number, body: Uint8Array, kind: Entry["kind"] = "normal"): Entry => ({
  index: index as LogIndex,
  term: 1 as Term,
  kind,
  data: ProposalEnvelope.encode({ proposalId: 1n, body })
})

const at = (index: number) => index as LogIndex
const plain = { toBeSealed: false }
const sealed = { toBeSealed: true }

describe("the append guard (SPEC §10)", () => {
  it("admits plaintext while no marker counts, and nothing that is to be sealed", () => {
    const guard = new AppendGuard({ isCutOver: false })
    guard.appended([entry(1, rotation), entry(2, Buffer.from([0, 0]))])
    expect([guard.admits(plain), guard.admits(sealed)]).toEqual([true, false])
  })

  it("refuses plaintext from the marker on, before it is durable and after it is applied", () => {
    const guard = new AppendGuard({ isCutOver: false })
    guard.proposed(at(5), marker)
    expect([guard.admits(plain), guard.admits(sealed)]).toEqual([false, true])
    guard.appended([entry(5, marker)])
    expect(guard.admits(plain)).toBe(false)
    guard.applied(at(5), { isCutOver: true })
    expect([guard.admits(plain), guard.admits(sealed)]).toEqual([false, true])
  })

  it("a marker that was truncated, or applied as stale, counts no longer", () => {
    const guard = new AppendGuard({ isCutOver: false })
    guard.appended([entry(4, Buffer.from([0, 0])), entry(5, marker)])
    guard.appended([entry(5, rotation)])
    expect(guard.admits(plain)).toBe(true)
    guard.appended([entry(6, marker)])
    guard.applied(at(6), { isCutOver: false })
    expect(guard.admits(plain)).toBe(true)
  })

  it("only a normal entry is a marker", () => {
    const guard = new AppendGuard({ isCutOver: false })
    guard.appended([entry(1, marker, "registration"), entry(2, marker, "membership")])
    expect(guard.markerCounts).toBe(false)
  })

  it("agrees with a look at the whole log over random appends, truncations and applications", () => {
    const numbers = seededNumbers(5)
    for (let run = 0; run < 50; run++) {
      const guard = new AppendGuard({ isCutOver: false })
      let log: ReadonlyArray<boolean> = []
      let applied = 0
      for (let step = 0; step < 60; step++) {
        if (numbers.below(3) === 0 && applied < log.length) {
          applied += 1
          guard.applied(at(applied), { isCutOver: false })
        } else {
          const keep = applied + numbers.below(log.length - applied + 1)
          const added = Array.from({ length: 1 + numbers.below(3) }, () => numbers.below(4) === 0)
          log = [...log.slice(0, keep), ...added]
          const entries = added.map((isMarker, offset) =>
            entry(keep + 1 + offset, isMarker ? marker : rotation)
          )
          guard.appended(entries)
        }
        expect(guard.markerCounts).toBe(log.slice(applied).includes(true))
      }
    }
  })
})
