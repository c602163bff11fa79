/**
 * The stream of a snapshot, made piece by piece from one moment of a state (SPEC §16).
 *
 * Plain and synchronous: whoever sends it pulls a piece when there is room for one, and as much of the
 * state as a chunk holds is in memory. What must never happen here: a row left out, or one of another
 * moment. Proof: `SnapshotChunks.test.ts`, `test/layers/SnapshotTransfer.test.ts`.
 */
import { behind, type Row, type StateReader } from "../state/StateTransaction.ts"
import { SnapshotEncoder, type SnapshotOf, tablesInOrder } from "./SnapshotStream.ts"

/** Rows read at a time: small ones by number, large ones by bytes. */
const page = { limit: 1024, bytesMax: 256 * 1024 } as const

/** Mutable: makes one stream. The reader answers as of one moment until it ends. */
export class SnapshotChunks {
  private readonly reader: StateReader
  private readonly encoder: SnapshotEncoder
  private readonly tables = [...tablesInOrder]
  private rows: ReadonlyArray<Row> = []
  private at = 0
  private last: Uint8Array | undefined = undefined
  private state: "header" | "rows" | "ended" = "header"

  constructor(reader: StateReader, of: SnapshotOf) {
    this.reader = reader
    this.encoder = new SnapshotEncoder(of)
  }

  /** The next piece; `undefined` after the last. */
  next(): Buffer | undefined {
    switch (this.state) {
      case "header":
        this.state = "rows"
        return this.encoder.header
      case "rows":
        return this.nextChunk()
      case "ended":
        return undefined
    }
  }

  private nextChunk(): Buffer {
    for (;;) {
      const table = this.tables[0]
      if (table === undefined) {
        this.state = "ended"
        return this.encoder.end()
      }
      const row = this.nextRow()
      if (row === undefined) {
        this.tables.shift()
        this.last = undefined
        continue
      }
      const chunk = this.encoder.add({ table, ...row })
      if (chunk !== undefined) return chunk
    }
  }

  /** Of the first table that is not through. */
  private nextRow(): Row | undefined {
    if (this.at === this.rows.length) {
      const from = this.last === undefined ? undefined : behind(this.last)
      this.rows = this.reader.range(this.tables[0]!, { from, ...page })
      this.at = 0
    }
    const row = this.rows[this.at++]
    this.last = row?.key
    if (row === undefined) this.at = this.rows.length
    return row
  }
}
