/**
 * What every commit of the state must look like, those of earlier lives and of replays too (SPEC §19:
 * I9 for stored values).
 *
 * Reads the commits that reached the disk, as bytes, and knows nothing of the node that wrote them.
 */
import * as Result from "effect/Result"
import { expect } from "vitest"
import * as Value from "../../src/domain/kv/Value.ts"
import type { MemoryDisk } from "../../src/layers/MemoryDisk.ts"

/** How many different values were sealed. */
export function checkSealedState(disk: MemoryDisk): number {
  const sealed = new Map<string, string>()
  for (const record of disk.journal) {
    if (record.environment !== "state") continue
    record.changes.forEach((table, key, { value }) => {
      if (table !== "kv" || value === undefined) return
      const { bytes, isSealed } = Result.getOrThrow(Value.decode(value))
      if (!isSealed) return
      const keyAndNonce = Buffer.from(bytes.subarray(2, 18)).toString("hex")
      const written = `${key} ${Buffer.from(bytes).toString("hex")}`
      expect(sealed.get(keyAndNonce) ?? written, "a nonce seals one value").toBe(written)
      sealed.set(keyAndNonce, written)
    })
  }
  return sealed.size
}
