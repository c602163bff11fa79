/**
 * What a run of the model comes to: one thing that was not seen, and it is no success. Quint is not run
 * here.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Quint from "../../scripts/spec/Quint.ts"
import * as Verdict from "../../scripts/spec/Verdict.ts"

const witnesses = [...Verdict.witnessesOfWholeProtocol, "markerTruncated"]
const reached = (count: number, names = witnesses) =>
  new Map(witnesses.map((name) => [name, names.includes(name) ? count : 0]))

const safe: Verdict.Safe = {
  name: "safe",
  verdict: "holds",
  traceCount: 500,
  shortest: 50,
  witnessed: reached(7)
}
const other: Verdict.Safe = { ...safe, name: "safeSecondLine" }
const gap: Verdict.Gap = { name: "Drain", invariant: "I7_noPlainAbove", verdict: "breaks" }
const followed: Verdict.Followed = { name: "safe", traceCount: 100, departureCount: 0 }
const results: Verdict.Results = {
  steps: 50,
  witnesses,
  safes: [safe, other],
  gaps: [gap, { ...gap, name: "NoopGate" }],
  followed: [followed],
  neverOff: []
}

const verdictWith = (change: Partial<Verdict.Results>) =>
  Verdict.verdictOf({ ...results, ...change })
const failed = (lastLine: string) => ({ lastLine, exitCode: 1 })
const allCaught = "safe 1000 traces, gaps 2 of 2 caught"
const halfHeld = "safe 500 traces, gaps 2 of 2 caught"

describe("a run of the model", () => {
  it("in which everything was seen is a success", () => {
    assert.deepStrictEqual(verdictWith({}), { lastLine: allCaught, exitCode: 0 })
  })

  it.each(["holds", "failed"] as const)("fails with a gap that is not caught: %s", (verdict) => {
    assert.deepStrictEqual(
      verdictWith({ gaps: [gap, { ...gap, verdict }] }),
      failed("safe 1000 traces, gaps 1 of 2 caught")
    )
  })

  it.each(["breaks", "failed"] as const)("fails with a safe variant that %s", (verdict) => {
    assert.deepStrictEqual(verdictWith({ safes: [safe, { ...other, verdict }] }), failed(halfHeld))
  })

  it.each([
    ["a trace that ended early", { shortest: 49 }],
    ["no trace", { traceCount: 0 }]
  ])("fails with %s", (_, change) => {
    assert.deepStrictEqual(
      verdictWith({ safes: [safe, { ...other, ...change }] }),
      failed(halfHeld)
    )
  })

  it("fails with a witness that no safe variant has reached", () => {
    const witnessed = reached(7, [...Verdict.witnessesOfWholeProtocol])
    const safes = [safe, other].map((variant) => ({ ...variant, witnessed }))
    assert.deepStrictEqual(verdictWith({ safes }), failed(allCaught))
    assert.strictEqual(verdictWith({ safes: [{ ...safe, witnessed }, other] }).exitCode, 0)
  })

  it.each(Verdict.witnessesOfWholeProtocol)("fails if only another variant reaches %s", (name) => {
    const witnessed = reached(
      7,
      witnesses.filter((witness) => witness !== name)
    )
    assert.deepStrictEqual(
      verdictWith({ safes: [{ ...safe, witnessed }, other] }),
      failed(allCaught)
    )
  })

  it("fails without the variant of the whole protocol", () => {
    assert.deepStrictEqual(verdictWith({ safes: [other] }), failed(halfHeld))
  })

  it("fails with a rule that is never off, and with a core that departs", () => {
    assert.deepStrictEqual(verdictWith({ neverOff: ["Drain"] }), failed(allCaught))
    const departed = [{ ...followed, departureCount: 1 }]
    assert.deepStrictEqual(verdictWith({ followed: departed }), failed(allCaught))
  })

  it.each(["safes", "gaps", "followed"] as const)("fails with no %s at all", (which) => {
    assert.strictEqual(verdictWith({ [which]: [] }).exitCode, 1)
  })
})

describe("a seed", () => {
  it("leaves more draws to its run than one makes", () => {
    const drawsMax = 2n ** 31n
    for (const seed of [1n, 2n, 3n]) {
      const [here, next] = [seed, seed + 1n].map((each) => Quint.farApart(String(each)))
      assert.isTrue(next! - here! > drawsMax)
    }
  })
})

describe("what Quint says of a safe variant", () => {
  it("is read", () => {
    const text = [
      "[ok] No violation found (39098ms at 13 traces/second).",
      "Trace length statistics: max=51, min=51, average=51.00",
      "markerCommitted was witnessed in 373 trace(s) out of 500 explored (74.60%)",
      "markerTruncated was witnessed in 0 trace(s) out of 500 explored (0.00%)"
    ].join("\n")
    assert.deepStrictEqual(
      Verdict.safeOf("safe", { text, verdict: "holds" }, ["markerCommitted", "markerTruncated"]),
      {
        ...safe,
        witnessed: new Map([
          ["markerCommitted", 373],
          ["markerTruncated", 0]
        ])
      }
    )
  })

  it("is no success if nothing can be read", () => {
    const said = Verdict.safeOf("safe", { text: "error", verdict: "failed" }, witnesses)
    assert.isFalse(Verdict.safeCheck(said, 50).isRight)
    assert.deepStrictEqual(said.witnessed, reached(0))
  })
})
