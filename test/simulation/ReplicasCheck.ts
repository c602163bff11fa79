/**
 * What the disks of one cluster must have in common (SPEC §19: I2, I3, I6, I9).
 *
 * Reads bytes, and knows nothing of the nodes that wrote them.
 */
import assert from "node:assert/strict"
import * as ProposalEnvelope from "../../src/domain/log/ProposalEnvelope.ts"
import type { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { entryAt } from "./SealedLogCheck.ts"

const tables = ["kv", "sidecar", "writers", "members", "sessions"] as const

/** What two of them know to be committed is the same, byte by byte. */
export function checkEqualLogs(
  logs: ReadonlyArray<{ readonly disk: MemoryDisk; readonly commit: number }>
): void {
  const longest = Math.max(...logs.map(({ commit }) => commit))
  for (let index = 1; index <= longest; index++) {
    const records = logs.flatMap(({ commit, disk }) =>
      index <= commit ? (disk.entries.get(index) ?? []) : []
    )
    for (const record of records) {
      assert.ok(record.equals(records[0]!), `entry ${index} is the same everywhere`)
    }
  }
}

/** All have applied the same index: their states are equal, byte by byte. */
export function checkEqualStates(disks: ReadonlyArray<MemoryDisk>): void {
  const rowsOf = (disk: MemoryDisk) =>
    tables.flatMap((table) =>
      disk.tables[table]
        .range({})
        .map(
          ({ key, value }) =>
            `${table} ${Buffer.from(key).toString("hex")} ${Buffer.from(value).toString("hex")}`
        )
    )
  const [first, ...others] = disks.map(rowsOf)
  for (const other of others) assert.deepEqual(other, first)
}

/** No nonce of the log was used for two different entries, on whatever disk they are. */
export function checkNoncesOfLogs(disks: ReadonlyArray<MemoryDisk>, cutoverIndex: number): number {
  const sealed = new Map<string, string>()
  for (const disk of disks) {
    for (const index of disk.entries.keys()) {
      const { data, kind, term } = entryAt(disk, index)
      if (kind !== "normal" || index <= cutoverIndex) continue
      const body = Buffer.from(ProposalEnvelope.bodyOf(data)!)
      const keyAndNonce = body.subarray(2, 18).toString("hex")
      const written = `${term}/${index} ${body.toString("hex")}`
      assert.equal(sealed.get(keyAndNonce) ?? written, written, "a nonce seals one entry")
      sealed.set(keyAndNonce, written)
    }
  }
  return sealed.size
}
