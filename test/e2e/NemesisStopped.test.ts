/** What the nemesis says of what nodes hold, when they have stopped and before. */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import * as Healing from "../../scripts/nemesis/Healing.ts"
import * as Stopped from "../../scripts/nemesis/Stopped.ts"
import type { Revision } from "../../src/domain/Ids.ts"

const state = (nodeName: string, change: Partial<Stopped.State> = {}): Stopped.State => ({
  ...{ nodeName, appliedIndex: 90, rowCount: 30, digest: "d" },
  ...change
})
const ends = [{ nodeName: "n1", code: 0 }]
const good = { ends, states: [state("n1"), state("n2"), state("n3")] }

describe("nodes that have stopped", () => {
  it("as they must have no finding", () => {
    expect(Stopped.findings(good)).toEqual([])
    expect(Stopped.undecided(good)).toEqual([])
  })

  it.each([70, null])("and did not end as asked (%s) are reported", (code) => {
    expect(Stopped.findings({ ...good, ends: [...ends, { nodeName: "n2", code }] })).toEqual([
      `n2 was asked to end and did so with code ${code}`
    ])
  })

  it("with another state at the same applied index are reported", () => {
    const states = good.states.with(1, state("n2", { digest: "e", rowCount: 31 }))
    expect(Stopped.findings({ ends, states })).toEqual([
      "n2 and n1 hold different states at applied index 90 (31 and 30 rows)"
    ])
  })

  it("at different applied indexes are undecided; those at one index are compared still", () => {
    const late = state("n1", { appliedIndex: 89, digest: "e" })
    const states = [late, state("n2"), state("n3", { digest: "f" })]
    expect(Stopped.undecided({ ends, states })).toEqual([
      "the nodes ended at the applied indexes 89, 90"
    ])
    expect(Stopped.findings({ ends, states })).toEqual([
      expect.stringContaining("n3 and n2 hold different states")
    ])
  })

  it("and hold nothing to compare are undecided", () => {
    expect(Stopped.undecided({ ends, states: [] })).toHaveLength(1)
  })
})

describe("what a node holds is read", () => {
  const bytes = (text: string) => new TextEncoder().encode(text)
  const pageOf = (values: ReadonlyArray<string>) => (continuation: Uint8Array | undefined) => {
    const at = continuation?.[0] ?? 0
    const revision = (7 + at) as Revision
    const entries = [{ key: bytes(`k${at}`), value: bytes(values[at]!), revision }]
    const page = { entries: entries.map((one) => ({ ...one, createRevision: revision })), revision }
    const isLast = at === values.length - 1
    return Effect.succeed(isLast ? page : { ...page, continuation: Uint8Array.of(at + 1) })
  }
  const heldOf = (values: ReadonlyArray<string>) => Effect.runSync(Healing.allPages(pageOf(values)))

  it("page by page to its end, with the revision of each", () => {
    expect(heldOf(["a", "b", "c"]).revisions).toEqual([7, 8, 9])
    expect(heldOf(["a", "b", "c"])).toEqual(heldOf(["a", "b", "c"]))
  })

  it("so that a difference on the last page is one", () => {
    expect(heldOf(["a", "b", "c"]).text).not.toBe(heldOf(["a", "b", "d"]).text)
  })
})
