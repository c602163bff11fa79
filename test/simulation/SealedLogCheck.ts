/**
 * What a log on disk must look like around the cutover marker (SPEC §19: I7, I8, I9).
 *
 * Reads the records that are there, as bytes, and knows nothing of the node that wrote them.
 */
import assert from "node:assert/strict"
import type { GroupId, LogIndex } from "../../src/domain/Ids.ts"
import * as EntryRecord from "../../src/domain/log/EntryRecord.ts"
import * as Payload from "../../src/domain/log/Payload.ts"
import * as ProposalEnvelope from "../../src/domain/log/ProposalEnvelope.ts"
import type { Entry } from "../../src/domain/raft/Entry.ts"
import type { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { isMarker } from "../support/StagedNode.ts"

const groupId = 0 as GroupId

export const entryAt = (disk: MemoryDisk, index: number): Entry => {
  const entry = EntryRecord.decode(groupId, index as LogIndex, disk.entries.get(index)!)
  if (entry._tag === "Failure") throw entry.failure
  return entry.success
}

/** Of a plaintext log, or up to the first marker of one that is not. */
export function firstMarker(disk: MemoryDisk): number | undefined {
  const last = Math.max(0, ...disk.entries.keys())
  for (let index = 1; index <= last; index++) if (isMarker(entryAt(disk, index))) return index
  return undefined
}

/** `plainText` is in every value that was written. */
export function checkSealedLog(
  disk: MemoryDisk,
  { cutoverIndex, plainText }: { cutoverIndex: number | undefined; plainText: string }
): void {
  const nonces = new Set<string>()
  const last = Math.max(0, ...disk.entries.keys())
  // What was compacted was looked at by an earlier check, or on another disk.
  const first = Math.min(last + 1, ...disk.entries.keys())
  for (let index = first; index <= last; index++) {
    const { data, kind } = entryAt(disk, index)
    if (kind !== "normal") continue
    const body = Buffer.from(ProposalEnvelope.bodyOf(data)!)
    if (cutoverIndex === undefined || index <= cutoverIndex) {
      assert.equal(Payload.decode(body)._tag, "Success", `sealed at ${index}, not above the marker`)
      continue
    }
    const isPlain = body.includes(plainText) || Payload.decode(body)._tag === "Success"
    assert.ok(!isPlain, `plaintext at ${index}, above the marker at ${cutoverIndex}`)
    const keyAndNonce = body.subarray(2, 18).toString("hex")
    assert.ok(!nonces.has(keyAndNonce), `nonce of entry ${index} was used before`)
    nonces.add(keyAndNonce)
  }
}
