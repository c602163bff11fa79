import { describe, expect, it } from "vitest"
import { kibibyte } from "../../../src/domain/Limits.ts"
import { Changes, keyText, readerOver } from "../../../src/domain/state/Changes.ts"
import type { KeyRange, Row, StateReader } from "../../../src/domain/state/StateTransaction.ts"
import { SortedTable } from "../../../src/layers/MemoryDisk.ts"
import { seededNumbers } from "../../support/SeededNumbers.ts"

const keyOf = (value: number) => Buffer.of(value)
/** As many bytes as its number says, so that bounds in bytes fall anywhere; sometimes none. */
const valueOf = (value: number) => Buffer.alloc(value % 7, value)

/** A table as a dumb sorted list. */
const readerOf = (table: ReadonlyMap<number, number>): StateReader => ({
  get: (_table, key) => {
    const value = table.get(key[0]!)
    return value === undefined ? undefined : valueOf(value)
  },
  range: (_table, { bytesMax = Infinity, from, limit, until }: KeyRange): ReadonlyArray<Row> => {
    const rows = [...table]
      .sort(([a], [b]) => a - b)
      .filter(([key]) => key >= (from?.[0] ?? 0) + (from?.length === 2 ? 1 : 0))
      .filter(([key]) => key < (until?.[0] ?? 256))
      .slice(0, limit ?? table.size)
      .map(([key, value]) => ({ key: keyOf(key), value: valueOf(value) }))
    const bytesUntil = (end: number) => bytesOf(rows.slice(0, end))
    return rows.filter((_row, at) => at === 0 || bytesUntil(at) < bytesMax)
  }
})

const bytesOf = (rows: ReadonlyArray<Row>) =>
  rows.reduce((bytes, { key, value }) => bytes + key.length + value.length, 0)

const change = (changes: Changes, key: number, value: number | undefined) =>
  changes.set("kv", keyText(keyOf(key)), {
    key: keyOf(key),
    value: value === undefined ? undefined : valueOf(value)
  })

const wideKeyOf = (value: number) => {
  const key = Buffer.alloc(2)
  key.writeUInt16BE(value)
  return key
}

/** 2,000 rows of so many bytes; what is read of them is counted. */
function countingBase(valueBytes: number) {
  const read = { rows: 0, bytes: 0 }
  const disk = new SortedTable()
  for (let at = 0; at < 2000; at++) disk.set(keyText(wideKeyOf(at)), Buffer.alloc(valueBytes, at))
  const base: StateReader = {
    get: (_table, key) => disk.get(keyText(key)),
    range: (_table, range) => {
      const rows = disk.range(range)
      read.rows += rows.length
      read.bytes += bytesOf(rows)
      return rows
    }
  }
  return { base, read }
}

/** Removals of `[from, until)`. */
function removals(from: number, until: number): Changes {
  const changes = new Changes()
  for (let at = from; at < until; at++) {
    const key = wideKeyOf(at)
    changes.set("kv", keyText(key), { key, value: undefined })
  }
  return changes
}

const isLeft = (at: number) => (at < 700 || at >= 900) && at !== 1999

const numbersOf = (rows: ReadonlyArray<Row>) =>
  rows.map(({ key }) => Buffer.from(key).readUInt16BE())

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
      const sometimes = <A>(value: A) => (numbers.below(2) === 0 ? undefined : value)
      for (let ranges = 0; ranges < 4; ranges++) {
        const range = {
          from: sometimes(keyOf(numbers.below(24))),
          until: sometimes(keyOf(numbers.below(24))),
          limit: sometimes(numbers.below(10)),
          bytesMax: sometimes(numbers.below(40))
        }
        expect(over.range("kv", range)).toEqual(expected.range("kv", range))
      }
      expect(over.range("kv", {})).toEqual(expected.range("kv", {}))
    }
  })

  it("a range finds what was changed since the one before it", () => {
    const numbers = seededNumbers(6)
    for (let round = 0; round < 50; round++) {
      const changes = new Changes()
      const over = readerOver(readerOf(new Map()), () => [changes])
      const model = new Map<number, number>()
      for (let step = 0; step < 20; step++) {
        const key = numbers.below(24)
        change(changes, key, step)
        model.set(key, step)
        if (numbers.below(3) === 0) {
          const range = { from: keyOf(numbers.below(24)), until: keyOf(numbers.below(24)) }
          expect(over.range("kv", range)).toEqual(readerOf(model).range("kv", range))
        }
      }
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
    expect(over.range("kv", {})).toEqual([{ key: keyOf(1), value: valueOf(2) }])
  })

  describe("a range over pending changes copies no more of the base than it answers", () => {
    it("removals behind the answer cost no row", () => {
      const { base, read } = countingBase(1)
      const over = readerOver(base, () => [removals(1000, 2000)])
      expect(numbersOf(over.range("kv", { limit: 4 }))).toEqual([0, 1, 2, 3])
      expect(read.rows).toBeLessThanOrEqual(8)
    })

    it("nor do removals on both sides of it, in several layers", () => {
      const { base, read } = countingBase(1)
      const over = readerOver(base, () => [removals(0, 2), removals(1000, 2000), removals(1, 3)])
      expect(numbersOf(over.range("kv", { limit: 4 }))).toEqual([3, 4, 5, 6])
      expect(read.rows).toBeLessThanOrEqual(16)
    })

    it("rows hidden before it are read, and few behind them", () => {
      const { base, read } = countingBase(1)
      const over = readerOver(base, () => [removals(0, 500)])
      expect(numbersOf(over.range("kv", { limit: 4 }))).toEqual([500, 501, 502, 503])
      expect(read.rows).toBeLessThanOrEqual(2 * 504)
    })

    it("large rows are copied until their bytes are enough", () => {
      const { base, read } = countingBase(8 * kibibyte)
      const over = readerOver(base, () => [removals(1000, 2000)])
      const bytesMax = 64 * kibibyte
      expect(numbersOf(over.range("kv", { bytesMax }))).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
      expect(read.bytes).toBeLessThanOrEqual(2 * bytesMax)
    })

    it("large rows that are hidden are copied page by page", () => {
      const { base, read } = countingBase(8 * kibibyte)
      const over = readerOver(base, () => [removals(0, 2), removals(3, 1000)])
      expect(numbersOf(over.range("kv", { limit: 1 }))).toEqual([2])
      expect(read.bytes).toBeLessThanOrEqual(256 * kibibyte)
      read.bytes = 0
      expect(numbersOf(over.range("kv", { limit: 2 }))).toEqual([2, 1000])
      expect(read.bytes).toBeLessThanOrEqual(1001 * (8 * kibibyte + 2) + 257 * kibibyte)
    })

    it("a page begins at the very next key behind the one before", () => {
      const disk = new SortedTable()
      const changes = new Changes()
      for (let length = 1; length <= 20; length++) {
        const key = Buffer.alloc(length)
        disk.set(keyText(key), Buffer.of(length))
        if (length <= 10) changes.set("kv", keyText(key), { key, value: undefined })
      }
      const base: StateReader = {
        get: (_table, key) => disk.get(keyText(key)),
        range: (_table, range) => disk.range(range)
      }
      for (const range of [{ limit: 10 }, { bytesMax: 1000 }]) {
        const lengths = readerOver(base, () => [changes])
          .range("kv", range)
          .map(({ key }) => key.length)
        expect(lengths).toEqual([11, 12, 13, 14, 15, 16, 17, 18, 19, 20])
      }
    })

    it("all of a base of many pages is found, and none twice", () => {
      const { base } = countingBase(1 * kibibyte)
      const over = readerOver(base, () => [removals(700, 900), removals(1999, 2000)])
      const rows = numbersOf(over.range("kv", {}))
      expect(rows).toEqual(numbersOf(base.range("kv", {})).filter(isLeft))
    })
  })
})
