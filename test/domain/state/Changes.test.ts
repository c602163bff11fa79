import { describe, expect, it } from "vitest"
import { Changes, keyText, readerOver } from "../../../src/domain/state/Changes.ts"
import type { KeyRange, Row, StateReader } from "../../../src/domain/state/StateTransaction.ts"
import { seededNumbers } from "../../support/SeededNumbers.ts"

const keyOf = (value: number) => Buffer.of(value)

/** A table as a dumb sorted list. */
const readerOf = (table: ReadonlyMap<number, number>): StateReader => ({
  get: (_table, key) => {
    const value = table.get(key[0]!)
    return value === undefined ? undefined : keyOf(value)
  },
  range: (_table, { from, limit, until }: KeyRange): ReadonlyArray<Row> =>
    [...table]
      .sort(([a], [b]) => a - b)
      .filter(([key]) => key >= (from?.[0] ?? 0) && key < (until?.[0] ?? 256))
      .slice(0, limit ?? table.size)
      .map(([key, value]) => ({ key: keyOf(key), value: keyOf(value) }))
})

const change = (changes: Changes, key: number, value: number | undefined) =>
  changes.set("kv", keyText(keyOf(key)), {
    key: keyOf(key),
    value: value === undefined ? undefined : keyOf(value)
  })

describe("Changes", () => {
  it("counts the bytes of the newest change of each key", () => {
    const changes = new Changes()
    expect(changes.isEmpty).toBe(true)
    change(changes, 1, 7)
    change(changes, 1, 8)
    change(changes, 2, undefined)
    expect([changes.bytes, changes.isEmpty]).toEqual([3, false])
    const later = new Changes()
    change(later, 1, undefined)
    changes.add(later)
    expect(changes.bytes).toBe(2)
  })

  it("a reader over them agrees with a map to which they were made", () => {
    const numbers = seededNumbers(5)
    for (let round = 0; round < 300; round++) {
      const base = new Map<number, number>()
      for (let at = numbers.below(20); at > 0; at--) base.set(numbers.below(24), at)
      const model = new Map(base)
      const oldestFirst = Array.from({ length: numbers.below(4) }, () => {
        const changes = new Changes()
        for (let at = numbers.below(10); at > 0; at--) {
          const key = numbers.below(24)
          const value = numbers.below(3) === 0 ? undefined : 100 + at
          change(changes, key, value)
          if (value === undefined) model.delete(key)
          else model.set(key, value)
        }
        return changes
      })
      const over = readerOver(readerOf(base), () => oldestFirst.toReversed())
      const expected = readerOf(model)
      for (let key = 0; key < 24; key++) {
        expect(over.get("kv", keyOf(key))).toEqual(expected.get("kv", keyOf(key)))
      }
      const range = {
        from: keyOf(numbers.below(24)),
        until: keyOf(numbers.below(24)),
        limit: numbers.below(2) === 0 ? undefined : numbers.below(10)
      }
      expect(over.range("kv", range)).toEqual(expected.range("kv", range))
      expect(over.range("kv", {})).toEqual(expected.range("kv", {}))
    }
  })

  it("answers bytes that are the caller's", () => {
    const changes = new Changes()
    change(changes, 1, 2)
    const over = readerOver(readerOf(new Map()), () => [changes])
    over.get("kv", keyOf(1))!.fill(0)
    for (const { key, value } of over.range("kv", {})) {
      key.fill(0)
      value.fill(0)
    }
    expect(over.range("kv", {})).toEqual([{ key: keyOf(1), value: keyOf(2) }])
  })
})
