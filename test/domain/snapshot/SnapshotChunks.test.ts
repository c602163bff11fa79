import { crc32 } from "node:zlib"
import { describe, expect, it } from "vitest"
import type { LogIndex, Term } from "../../../src/domain/Ids.ts"
import * as Limits from "../../../src/domain/Limits.ts"
import { SnapshotChunks } from "../../../src/domain/snapshot/SnapshotChunks.ts"
import {
  SnapshotDecoder,
  type TableRow,
  tablesInOrder
} from "../../../src/domain/snapshot/SnapshotStream.ts"
import { keyText } from "../../../src/domain/state/Changes.ts"
import type { StateReader } from "../../../src/domain/state/StateTransaction.ts"
import { MemoryState } from "../../../src/layers/MemoryDisk.ts"
import { seededNumbers } from "../../support/SeededNumbers.ts"

const of = { ceiling: 9 as LogIndex, cutover: 0 as LogIndex, term: 3 as Term }

/** Rows of all tables: none, one, or many; small and large. */
function randomState(seed: number): MemoryState {
  const numbers = seededNumbers(seed)
  const state = new MemoryState()
  for (const table of tablesInOrder) {
    const count = [0, 1, 40, 1_500][numbers.below(4)]!
    for (let at = 0; at < count; at++) {
      const key = Buffer.alloc(1 + numbers.below(30), numbers.below(256))
      const bytes = numbers.below(50) === 0 ? numbers.below(400_000) : numbers.below(200)
      state.tables[table].set(keyText(key), Buffer.alloc(bytes, at))
    }
  }
  return state
}

const readerOf = (state: MemoryState, asked: (bytes: number) => void = () => {}): StateReader => ({
  get: (table, key) => state.tables[table].get(keyText(key)),
  range: (table, range) => {
    const rows = state.tables[table].range(range)
    asked(rows.reduce((bytes, { key, value }) => bytes + key.length + value.length, 0))
    return rows
  }
})

const described = ({ key, table, value }: TableRow): string =>
  `${table} ${keyText(key)} ${value.length} ${crc32(value)}`

const rowsOf = (state: MemoryState): ReadonlyArray<string> =>
  tablesInOrder.flatMap((table) =>
    state.tables[table].range({}).map((row) => described({ table, ...row }))
  )

describe("SnapshotChunks", () => {
  it("every row of every table is in the stream, once and in order", () => {
    for (let seed = 1; seed <= 8; seed++) {
      const state = randomState(seed)
      let pageMax = 0
      const chunks = new SnapshotChunks(
        readerOf(state, (bytes) => {
          pageMax = Math.max(pageMax, bytes)
        }),
        of
      )
      const decoder = new SnapshotDecoder()
      const found: Array<string> = []
      for (let piece = chunks.next(); piece !== undefined; piece = chunks.next()) {
        const rows = decoder.push(piece)
        if (rows._tag === "Failure") throw rows.failure
        for (const { key, table, value } of rows.success) {
          found.push(described({ table, key, value }))
        }
      }
      expect(decoder.isComplete).toBe(true)
      expect(decoder.of).toEqual(of)
      expect(found).toEqual(rowsOf(state))
      expect(chunks.next()).toBeUndefined()
      // A page ends with the row that fills it.
      expect(pageMax).toBeLessThan(256 * Limits.kibibyte + 400_000)
    }
  })
})
