/**
 * The checker against all orders of small histories, and against itself on long ones; and that each
 * planted rule is noticed by that.
 */
import { describe, expect, it } from "vitest"
import { type SeededNumbers, seededNumbers } from "../support/SeededNumbers.ts"
import * as AllOrders from "./AllOrders.ts"
import * as AppendModel from "./AppendModel.ts"
import * as Checker from "./Checker.ts"
import { examples } from "./Examples.ts"
import type { Operation } from "./History.ts"
import * as KvModel from "./KvModel.ts"
import type { Model } from "./Model.ts"
import { type PlantedRule, plantedRules } from "./PlantedRule.ts"
import * as RandomHistory from "./RandomHistory.ts"
import * as RandomObjects from "./RandomObjects.ts"
import * as RegisterModel from "./RegisterModel.ts"

interface Subject<State, Input, Output> {
  readonly model: Model<State, Input, Output>
  readonly object: RandomHistory.RandomObject<Input, Output>
  readonly keyOf: ((input: Input) => string) | undefined
  readonly likenessIn?: (
    operations: ReadonlyArray<Operation<Input, Output>>
  ) => (operation: Operation<Input, Output>) => string
}

/** Hides which model it is, so that one list holds all. */
const subject =
  <State, Input, Output>({ keyOf, likenessIn, model, object }: Subject<State, Input, Output>) =>
  (shape: RandomHistory.Shape, numbers: SeededNumbers) => {
    const operations = RandomHistory.history(object, shape, numbers)
    const more = {
      ...(keyOf && { keyOf }),
      ...(likenessIn && { likenessOf: likenessIn(operations) })
    }
    const check = (planted?: PlantedRule) => Checker.check({ model, operations, planted, ...more })
    const ofKeys = [...Map.groupBy(operations, ({ input }) => keyOf?.(input) ?? "")]
    return {
      operations,
      check,
      expected: () => ofKeys.every(([, ofKey]) => AllOrders.isLinearizable(model, ofKey)),
      /** Does the verdict's own order explain each key, all that was answered in it? */
      isProven: (orders: ReadonlyMap<string, ReadonlyArray<Operation<Input, Output>>>) =>
        ofKeys.every(([key, ofKey]) => {
          const order = orders.get(key) ?? []
          const completed = ofKey.filter(({ returned }) => returned !== undefined)
          const isWhole = completed.every((operation) => order.includes(operation))
          return isWhole && AllOrders.isExplained(model, order)
        })
    }
  }

const subjects = [
  ["a register", subject({ ...RegisterModel, object: RandomObjects.register, keyOf: undefined })],
  ["a text", subject({ ...AppendModel, object: RandomObjects.texts(["k"]) })],
  ["texts by key", subject({ ...AppendModel, object: RandomObjects.texts(["k", "l"]) })],
  ["a key", subject({ ...KvModel, object: RandomObjects.kv(["k"]) })],
  ["keys", subject({ ...KvModel, object: RandomObjects.kv(["k", "l"]) })]
] as const

/** Up to six operations: 720 orders for each choice of unknown ones. */
const smallShape = (numbers: SeededNumbers): RandomHistory.Shape => ({
  operations: 2 + numbers.below(5),
  clients: 1 + numbers.below(4),
  lies: [0, 0.15, 0.4][numbers.below(3)]!,
  losses: [0, 0.3, 0.6][numbers.below(3)]!
})

const histories = 600

describe("the checker agrees with all orders", () => {
  it.each(subjects)("of %s", (_name, make) => {
    const counts = { Linearizable: 0, Violation: 0, Undecided: 0 }
    for (let seed = 1; seed <= histories; seed++) {
      const numbers = seededNumbers(seed)
      const drawn = make(smallShape(numbers), numbers)
      const verdict = drawn.check()
      counts[verdict._tag] += 1
      const text = `seed ${seed}: ${JSON.stringify(drawn.operations)}`
      expect(verdict._tag, text).toBe(drawn.expected() ? "Linearizable" : "Violation")
      if (verdict._tag === "Linearizable") {
        expect(drawn.isProven(verdict.orders as never), text).toBe(true)
      }
    }
    // A test that sees one verdict only proves nothing.
    expect(counts.Linearizable).toBeGreaterThan(histories / 5)
    expect(counts.Violation).toBeGreaterThan(histories / 20)
    expect(counts.Undecided).toBe(0)
  })
})

describe("a long history of an object that works", () => {
  it.each(subjects)("of %s has an order, which explains it", (_name, make) => {
    for (let seed = 1; seed <= 5; seed++) {
      const shape = { operations: 300, clients: 6, lies: 0, losses: 0.08 }
      const drawn = make(shape, seededNumbers(seed))
      const verdict = drawn.check()
      expect(verdict._tag).toBe("Linearizable")
      if (verdict._tag === "Linearizable") {
        expect(drawn.isProven(verdict.orders as never)).toBe(true)
      }
    }
  })
})

describe("a hundred writes of unknown outcome on one key", () => {
  it("are no reason to be undecided", () => {
    let written = 0
    const [object, { model, keyOf }] = [RandomObjects.kv(["k"]), KvModel]
    const unique: typeof object = {
      ...object,
      input: (numbers) => {
        const input = object.input(numbers)
        written += 1
        return input._tag === "Put" ? { ...input, value: String(written) } : input
      }
    }
    const shape = { operations: 2_000, clients: 8, lies: 0, losses: 0.1 }
    const operations = RandomHistory.history(unique, shape, seededNumbers(1))
    const unknown = operations.filter((operation) => operation.returned === undefined)
    expect(unknown.filter(({ input }) => input._tag !== "Get").length).toBeGreaterThan(90)
    const likenessOf = KvModel.likenessIn(operations)
    expect(Checker.check({ model, operations, keyOf, likenessOf })._tag).toBe("Linearizable")
  })
})

describe("a wrong rule is noticed", () => {
  it.each(plantedRules)("%s", (planted) => {
    let disagreements = examples.filter(
      ({ check, isLinearizable }) => (check(planted) === "Linearizable") !== isLinearizable
    ).length
    for (const [, make] of subjects) {
      for (let seed = 1; seed <= histories && disagreements === 0; seed++) {
        const numbers = seededNumbers(seed)
        const drawn = make(smallShape(numbers), numbers)
        const isLinearizable = drawn.check(planted)._tag === "Linearizable"
        if (isLinearizable !== drawn.expected()) disagreements += 1
      }
    }
    expect(disagreements).toBeGreaterThan(0)
  })
})
