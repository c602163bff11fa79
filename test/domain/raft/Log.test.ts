import { describe, expect, it } from "vitest"
import type { Entry } from "../../../src/domain/raft/Entry.ts"
import * as EntrySizes from "../../../src/domain/raft/Entry.ts"
import { Log } from "../../../src/domain/raft/Log.ts"
import * as Membership from "../../../src/domain/raft/Membership.ts"
import type { Snapshot } from "../../../src/domain/raft/Snapshot.ts"
import { at, entriesFrom, entry, index, members, term } from "./support/Fixture.ts"
import { MemoryLog } from "./support/MemoryLog.ts"
import * as Random from "./support/Random.ts"

const snapshotAt = (termOf: number, indexOf: number): Snapshot => ({
  ...at(termOf, indexOf),
  membership: Membership.make(members(1, 2, 3))
})

/** A log whose first entries are stored and whose other ones are not. */
function logOf(stored: ReadonlyArray<Entry>, tail: ReadonlyArray<Entry> = []) {
  const store = new MemoryLog()
  store.append(stored)
  const log = new Log(store)
  log.append(tail)
  return { log, store }
}

const termsOf = (entries: ReadonlyArray<Entry> | undefined) =>
  entries?.map((each) => [each.index, each.term])

const everything = (log: Log) => log.entriesFrom(log.firstIndex, Number.POSITIVE_INFINITY)

describe("append", () => {
  it("goes on after the last entry", () => {
    const { log } = logOf(entriesFrom(1, 1, 1), entriesFrom(3, 1))
    log.append(entriesFrom(4, 2))
    expect(termsOf(everything(log))).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
      [4, 2]
    ])
    expect(termsOf(log.toPersist)).toEqual([
      [3, 1],
      [4, 2]
    ])
  })

  it("replaces the end of the tail", () => {
    const { log } = logOf(entriesFrom(1, 1), entriesFrom(2, 1, 1, 1))
    log.append(entriesFrom(3, 2))
    expect(termsOf(log.toPersist)).toEqual([
      [2, 1],
      [3, 2]
    ])
    expect(log.lastIndex).toBe(3)
  })

  it("replaces what is stored", () => {
    const { log } = logOf(entriesFrom(1, 1, 1, 1), entriesFrom(4, 1))
    log.append(entriesFrom(2, 3))
    expect(termsOf(everything(log))).toEqual([
      [1, 1],
      [2, 3]
    ])
    expect(termsOf(log.toPersist)).toEqual([[2, 3]])
  })

  it("never touches a committed entry, and leaves no gap", () => {
    const { log } = logOf(entriesFrom(1, 1, 1))
    log.commitThrough(index(2))
    expect(() => log.append(entriesFrom(2, 2))).toThrow("never replaced")
    expect(() => log.append(entriesFrom(4, 2))).toThrow("no gaps")
  })
})

describe("appendAfter", () => {
  const start = () => logOf(entriesFrom(1, 1, 2), entriesFrom(3, 3)).log

  it("refuses entries after a position that is not in the log", () => {
    const log = start()
    expect(log.appendAfter(at(2, 3), entriesFrom(4, 4))).toBeUndefined()
    expect(log.appendAfter(at(3, 4), entriesFrom(5, 4))).toBeUndefined()
    expect(termsOf(everything(log))).toEqual([
      [1, 1],
      [2, 2],
      [3, 3]
    ])
  })

  it("takes what is new", () => {
    const log = start()
    expect(log.appendAfter(at(3, 3), entriesFrom(4, 4, 4))).toBe(5)
    expect(log.lastIndex).toBe(5)
  })

  it("keeps what follows entries that it has already", () => {
    const log = start()
    expect(log.appendAfter(at(1, 1), entriesFrom(2, 2))).toBe(2)
    expect(log.lastIndex).toBe(3)
    expect(termsOf(log.toPersist)).toEqual([[3, 3]])
  })

  it("replaces from the first conflict on", () => {
    const log = start()
    expect(log.appendAfter(at(1, 1), entriesFrom(2, 2, 4))).toBe(3)
    expect(termsOf(everything(log))).toEqual([
      [1, 1],
      [2, 2],
      [3, 4]
    ])
  })

  it("holds a conflict with a committed entry for the end of the world", () => {
    const log = start()
    log.commitThrough(index(3))
    expect(() => log.appendAfter(at(1, 1), entriesFrom(2, 4))).toThrow("never replaced")
  })

  it("refuses an append with gaps", () => {
    expect(() => start().appendAfter(at(3, 3), entriesFrom(5, 4))).toThrow("no gaps")
  })
})

describe("term", () => {
  it("knows the entry before the first one, and nothing outside of the log", () => {
    const { log, store } = logOf(entriesFrom(1, 1, 2, 3), entriesFrom(4, 4))
    store.compactThrough(index(2))
    expect([0, 1, 2, 3, 4, 5].map((each) => log.term(index(each)))).toEqual([
      undefined,
      undefined,
      2,
      3,
      4,
      undefined
    ])
  })

  it("is the snapshot's where a snapshot is to be installed", () => {
    const { log } = logOf(entriesFrom(1, 1, 1))
    log.restore(snapshotAt(5, 10))
    expect([1, 9, 10, 11].map((each) => log.term(index(each)))).toEqual([
      undefined,
      undefined,
      5,
      undefined
    ])
    expect(log.last).toEqual(at(5, 10))
    expect(log.firstIndex).toBe(11)
  })
})

describe("isUpToDate", () => {
  const { log } = logOf(entriesFrom(1, 1, 2, 3))
  it.each([
    [at(4, 1), true],
    [at(2, 9), false],
    [at(3, 2), false],
    [at(3, 3), true],
    [at(3, 4), true]
  ])("%o: %s", (last, expected) => {
    expect(log.isUpToDate(last)).toBe(expected)
  })
})

describe("lastAgreement", () => {
  const { log, store } = logOf(entriesFrom(1, 1, 1, 2, 2, 4, 4))
  it.each([
    [at(4, 6), at(4, 6)],
    [at(3, 6), at(2, 4)],
    [at(2, 3), at(2, 3)],
    [at(1, 6), at(1, 2)],
    [at(0, 6), at(0, 0)],
    [at(4, 9), at(0, 9)]
  ])("of %o is %o", (other, expected) => {
    expect(log.lastAgreement(other)).toEqual(expected)
  })

  it("stops where the log is compacted", () => {
    store.compactThrough(index(3))
    expect(log.lastAgreement(at(1, 6))).toEqual(at(0, 2))
  })
})

describe("slice", () => {
  it("crosses from the store to the tail within its limit", () => {
    const { log } = logOf(entriesFrom(1, 1, 1), entriesFrom(3, 1, 1))
    const size = EntrySizes.bytesOf(entry(1, 1))
    for (let count = 1; count <= 4; count++) {
      for (const extra of [0, size - 1]) {
        const slice = log.slice(index(1), index(5), count * size + extra)
        expect(slice).toHaveLength(count)
      }
    }
    expect(log.slice(index(1), index(5), 0)).toHaveLength(1)
    expect(log.slice(index(3), index(5), 0)).toHaveLength(1)
  })

  it("is undefined below the first entry", () => {
    const { log, store } = logOf(entriesFrom(1, 1, 1, 1))
    store.compactThrough(index(2))
    expect(log.slice(index(2), index(4), 100)).toBeUndefined()
    expect(log.slice(index(3), index(4), 100)).toHaveLength(1)
  })

  it("equals the slice of the whole, however the log is split", () => {
    for (let seed = 0; seed < 500; seed++) {
      const random = Random.make(seed)
      const all = Array.from({ length: 12 }, (_, offset) =>
        entry(1, offset + 1, "x".repeat(random.between(0, 30)))
      )
      const split = random.between(0, 13)
      const { log } = logOf(all.slice(0, split), all.slice(split))
      const from = random.between(1, 13)
      const until = random.between(from, 14)
      const bytesMax = random.between(0, 300)
      const expected = EntrySizes.prefixWithin(all.slice(from - 1, until - 1), bytesMax)
      expect(log.slice(index(from), index(until), bytesMax), `seed ${seed}`).toEqual(expected)
    }
  })
})

describe("persistedThrough", () => {
  it("drops what is stored from the tail", () => {
    const { log, store } = logOf([], entriesFrom(1, 1, 1, 1))
    store.append(entriesFrom(1, 1, 1))
    log.persistedThrough(at(1, 2))
    expect(termsOf(log.toPersist)).toEqual([[3, 1]])
    expect(termsOf(everything(log))).toHaveLength(3)
  })

  it("keeps an entry that was replaced while the old one was being written", () => {
    const { log } = logOf([], entriesFrom(1, 1, 1))
    log.append(entriesFrom(2, 2))
    log.persistedThrough(at(1, 2))
    expect(termsOf(log.toPersist)).toEqual([
      [1, 1],
      [2, 2]
    ])
  })

  it("ignores entries from before a snapshot", () => {
    const { log } = logOf([], entriesFrom(1, 1, 1))
    log.restore(snapshotAt(2, 5))
    log.persistedThrough(at(1, 2))
    expect(log.lastIndex).toBe(5)
  })
})

describe("the cursors", () => {
  it("commit only rises, and never beyond the log", () => {
    const { log } = logOf(entriesFrom(1, 1, 1))
    log.commitThrough(index(2))
    log.commitThrough(index(1))
    expect(log.committed).toBe(2)
    expect(() => log.commitThrough(index(3))).toThrow("has the log been lost?")
  })

  it("applied follows commit, in order", () => {
    const { log } = logOf(entriesFrom(1, 1, 1, 1))
    expect(log.hasToApply).toBe(false)
    log.commitThrough(index(2))
    expect(termsOf(log.toApply(1000))).toEqual([
      [1, 1],
      [2, 1]
    ])
    expect(log.toApply(0)).toHaveLength(1)
    log.appliedThrough(index(1))
    expect(termsOf(log.toApply(1000))).toEqual([[2, 1]])
    expect(() => log.appliedThrough(index(3))).toThrow("only committed")
    expect(() => log.appliedThrough(index(0))).toThrow("in order")
  })

  it("nothing is applied while a snapshot is to be installed", () => {
    const { log } = logOf(entriesFrom(1, 1, 1))
    log.commitThrough(index(1))
    log.restore(snapshotAt(2, 5))
    expect(log.hasToApply).toBe(false)
    expect(log.toInstall?.index).toBe(5)
    log.snapshotInstalled(index(4))
    expect(log.toInstall?.index).toBe(5)
    log.snapshotInstalled(index(5))
    expect(log.toInstall).toBeUndefined()
  })

  it("a snapshot never takes back a commit", () => {
    const { log } = logOf(entriesFrom(1, 1, 1))
    log.commitThrough(index(2))
    expect(() => log.restore(snapshotAt(term(1), 2))).toThrow("takes back")
  })
})

describe("a store that fails", () => {
  it("is heard, and leaves the log as it was", () => {
    const { log, store } = logOf(entriesFrom(1, 1, 1), entriesFrom(3, 1))
    const failure = new Error("corrupt")
    store.term = () => {
      throw failure
    }
    expect(() => log.appendAfter(at(1, 2), entriesFrom(3, 2))).toThrow(failure)
    expect(termsOf(log.toPersist)).toEqual([[3, 1]])
  })
})
