/** The judge of the nemesis on histories made by hand and by a store of its own, with lies in them. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import type { Answer, Call } from "../../scripts/nemesis/History.ts"
import * as Judge from "../../scripts/nemesis/Judge.ts"
import type { PlantedLie } from "../../scripts/nemesis/Planted.ts"
import { Recorder } from "../../scripts/nemesis/Recorder.ts"
import { seededNumbers } from "../support/SeededNumbers.ts"

/** A put of its own key; `at` is when it began and ended. */
const put = (key: string, revision: number, at: readonly [from: number, to: number]): Call => {
  const input = { _tag: "Put", key, value: `${key} at ${at[0]}` } as const
  const parts = [{ input, output: { _tag: "Written", revision } as const }]
  return {
    ...{ client: "c", writes: [input], isInSession: false, invokedAt: at[0] },
    end: { _tag: "Answered", at: at[1], answer: { parts, taken: revision } }
  }
}

const unknown = (key: string, invokedAt: number): Call => ({
  ...{ client: "c", isInSession: false, invokedAt },
  writes: [{ _tag: "Put", key, value: `${key} at ${invokedAt}` }],
  end: { _tag: "Unknown", reason: "ConnectionLost" }
})

const findings = (calls: ReadonlyArray<Call>, last: number) => Judge.judge(calls, last).violations

describe("the revisions of the whole store", () => {
  const both = [put("a", 1, [0, 1]), put("b", 2, [2, 3])]

  it("are taken one by one", () => {
    expect(findings(both, 2)).toEqual([])
    expect(findings([put("a", 2, [0, 3]), put("b", 1, [2, 4])], 2)).toEqual([])
  })

  it("are not shared by two keys", () => {
    expect(findings([put("a", 1, [0, 3]), put("b", 1, [2, 4])], 1)).toEqual([
      expect.stringContaining("revision 1 is of client c's call at 0.000 (Put a) and")
    ])
  })

  it("do not run backwards in real time, though each key is in order", () => {
    expect(findings([put("a", 2, [0, 1]), put("b", 1, [2, 3])], 2)).toEqual([
      expect.stringContaining("took revision 1, and 2 was seen before it began")
    ])
  })

  it("are accounted for in the end: one more is a write that was applied twice", () => {
    expect(findings(both, 3)).toEqual([expect.stringContaining("so 1 changes more were made")])
    expect(findings([...both, unknown("c", 4)], 3)).toEqual([])
    expect(findings(both, 1)).toEqual([expect.stringContaining("the store ended at 1")])
  })
})

describe("a write of a session", () => {
  it("that finds its own earlier attempt is reported", () => {
    const [call] = [put("a", 1, [0, 1])]
    const wrong = { parts: [], wrong: "only this client writes chain" }
    const again: Call = { ...call!, invokedAt: 2, end: { _tag: "Answered", at: 3, answer: wrong } }
    expect(findings([call!, again], 1)).toEqual([expect.stringContaining("only this client")])
  })
})

describe("a history that is too much work", () => {
  it("is undecided", () => {
    const calls = Array.from({ length: 20 }, (_, at) => put("a", at + 1, [0, 100]))
    expect(Judge.judge(calls, 20, { workMax: 5 })).toEqual({ violations: [], isUndecided: true })
  })
})

/** A store of one moment, written and read by one client through the recorder. */
const recorded = (lie: PlantedLie | undefined) =>
  Effect.gen(function* () {
    const recorder = new Recorder(lie)
    const numbers = seededNumbers(1)
    const store = new Map<string, { readonly value: string; readonly revision: number }>()
    let revision = 0
    for (let at = 0; at < 400; at++) {
      const key = `k${numbers.below(4)}`
      if (numbers.below(2) === 0) {
        const input = { _tag: "Put", key, value: `${at}` } as const
        const write = Effect.sync((): Answer => {
          revision += 1
          store.set(key, { value: `${at}`, revision })
          return { parts: [{ input, output: { _tag: "Written", revision } }], taken: revision }
        })
        yield* recorder.run({ client: "c", writes: [input], isInSession: false }, write)
      } else {
        const read = Effect.sync((): Answer => {
          const found = store.get(key)
          const output = found ? ({ _tag: "Found", ...found } as const) : undefined
          return {
            parts: [{ input: { _tag: "Get", key }, output: output ?? { _tag: "NotFound" } }],
            seen: found?.revision
          }
        })
        yield* recorder.run({ client: "c", writes: [], isInSession: false }, read)
      }
    }
    return Judge.judge(recorder.calls, revision)
  }).pipe(Effect.runPromise)

describe("a recorder", () => {
  it("knows of a write whose client was interrupted", async () => {
    const recorder = new Recorder()
    const asked = { client: "c", writes: unknown("a", 0).writes, isInSession: false }
    const client = Effect.runFork(recorder.run(asked, Effect.never))
    await Effect.runPromise(Fiber.interrupt(client))
    expect(recorder.calls).toMatchObject([{ ...asked, end: { _tag: "Unknown" } }])
  })

  it("leaves a write open unless it is certain that it was not applied", async () => {
    const recorder = new Recorder()
    const endOf = async (tag: string, writes: Call["writes"]) => {
      const failure = Effect.fail({ _tag: tag, message: "" })
      await Effect.runPromise(recorder.run({ client: "c", writes, isInSession: false }, failure))
      return recorder.calls.at(-1)?.end._tag
    }
    const { writes } = unknown("a", 0)
    expect(await endOf("NotLeader", writes)).toBe("Refused")
    for (const tag of ["ConnectionLost", "LeaderLost", "WriteOutcomeUnknown", "Anything"]) {
      expect(await endOf(tag, writes)).toBe("Unknown")
      expect(await endOf(tag, [])).toBe("Refused")
    }
  })

  it("that tells the truth is believed", async () => {
    expect(await recorded(undefined)).toEqual({ violations: [], isUndecided: false })
  })

  it.each(["stale-read", "lost-write"] as const)("that tells a %s is found out", async (lie) => {
    const { violations } = await recorded(lie)
    expect(violations[0]).toContain("no order explains the answer of")
  })
})
