/** The checker on histories made by hand, its bound, and what it says of a violation. */
import { describe, expect, it } from "vitest"
import * as Checker from "./Checker.ts"
import { examples } from "./Examples.ts"
import type { Operation } from "./History.ts"
import * as RegisterModel from "./RegisterModel.ts"

describe("a history made by hand", () => {
  it.each(examples)("$name", ({ check, isLinearizable }) => {
    expect(check()).toBe(isLinearizable ? "Linearizable" : "Violation")
  })
})

describe("too much work", () => {
  const operation = (
    client: number,
    at: number
  ): Operation<RegisterModel.Input, RegisterModel.Output> => ({
    client,
    input: { _tag: "Write", value: client },
    invokedAt: 0,
    returned: { at, output: { _tag: "Written" } }
  })
  const read = (value: number): Operation<RegisterModel.Input, RegisterModel.Output> => ({
    client: "reader",
    input: { _tag: "Read" },
    invokedAt: 2_000,
    returned: { at: 2_001, output: { _tag: "Value", value } }
  })
  const writes = Array.from({ length: 12 }, (_, client) => operation(client, 1_000 + client))
  const { model } = RegisterModel

  it("is undecided, never a guess", () => {
    const operations = [...writes, read(-1)]
    expect(Checker.check({ model, operations, workMax: 100 })._tag).toBe("Undecided")
    expect(Checker.check({ model, operations })._tag).toBe("Violation")
  })

  it("is bounded for all keys together", () => {
    const keyOf = (input: RegisterModel.Input) =>
      input._tag === "Write" ? String(input.value) : ""
    const verdict = Checker.check({ model, operations: writes, keyOf, workMax: 6 })
    expect(verdict._tag).toBe("Undecided")
    expect(Checker.check({ model, operations: writes, keyOf })).toMatchObject({
      _tag: "Linearizable",
      work: 12
    })
  })

  it("on one key does not hide the violation of another", () => {
    const keyOf = (input: RegisterModel.Input) => (input._tag === "Read" ? "a" : "b")
    const operations = [read(1), ...writes]
    expect(Checker.check({ model, operations, keyOf, workMax: 3 })._tag).toBe("Violation")
  })
})

describe("a violation", () => {
  const explanationOf = (name: string) =>
    examples.find((example) => example.name === name)?.explain()

  it("names what fits nowhere, what was open, the states and an order", () => {
    expect(explanationOf("an unknown write takes effect once")).toBe(
      [
        "no order explains the answer of",
        "  client 3: read → 1 (6 to 7)",
        "In whatever order those that were open with it take effect:",
        "  client 0: write 1 → unknown (from 1 on)",
        "By then the state can only have been",
        "  2",
        "after, for example,",
        "  client 0: write 1 → unknown (from 1 on)",
        "  client 1: read → 1 (2 to 3)",
        "  client 2: write 2 → written (4 to 5)"
      ].join("\n")
    )
  })

  it("of several keys is of the one with the shortest prefix", () => {
    expect(explanationOf("one key of two")).toContain('key "l": no order explains')
  })
})

describe("a history that cannot be", () => {
  it("is refused", () => {
    const operations: ReadonlyArray<Operation<RegisterModel.Input, RegisterModel.Output>> = [
      {
        client: 1,
        input: { _tag: "Read" },
        invokedAt: 2,
        returned: { at: 1, output: { _tag: "Written" } }
      }
    ]
    expect(() => Checker.check({ model: RegisterModel.model, operations })).toThrow(
      /before its call/
    )
  })
})
