/**
 * The append guard: keeps plaintext from entering the log above an effective cutover marker, whatever
 * the races above it (SPEC §10).
 *
 * It knows the markers in `(applied, last]`; while one of them counts, or the cutover has been
 * applied, a proposal that is not to be sealed is refused, and while none does, one that is to be
 * sealed is. What must never happen: a marker in the log that the guard does not know. So it is told
 * of every change of the log, by whoever made it. Proof: `test/domain/engine/AppendGuard.test.ts`.
 */
import * as Command from "../encryption/Command.ts"
import type { LogIndex } from "../Ids.ts"
import * as ProposalEnvelope from "../log/ProposalEnvelope.ts"
import type { Entry } from "../raft/Entry.ts"

/** Mutable: one per engine, driven by its single fibre. */
export class AppendGuard {
  /** Ascending. */
  private markers: Array<LogIndex> = []
  private isCutOver: boolean

  constructor(options: { readonly isCutOver: boolean }) {
    this.isCutOver = options.isCutOver
  }

  /** Does a marker count? Then only proposals to be sealed may be appended. */
  get markerCounts(): boolean {
    return this.isCutOver || this.markers.length > 0
  }

  /** May a proposal be appended now? */
  admits(proposal: { readonly toBeSealed: boolean }): boolean {
    return proposal.toBeSealed === this.markerCounts
  }

  /** The log was extended; the entries replace all from the first one's index on. */
  appended(entries: ReadonlyArray<Entry>): void {
    const first = entries[0]
    if (first === undefined) return
    this.truncated(first.index)
    for (const entry of entries) if (isMarker(entry)) this.markers.push(entry.index)
  }

  /** This leader has appended a plain proposal; a marker counts from here on, before it is durable. */
  proposed(index: LogIndex, body: Uint8Array): void {
    if (Command.isEnableRaftEnvelope(body)) this.markers.push(index)
  }

  /** Every entry at or above `from` is gone. */
  truncated(from: LogIndex): void {
    while (this.markers.length > 0 && this.markers.at(-1)! >= from) this.markers.pop()
  }

  /** Entries up to `index` were applied, or came in a snapshot: a stale marker counts no longer. */
  applied(index: LogIndex, { isCutOver }: { readonly isCutOver: boolean }): void {
    this.isCutOver = isCutOver
    while (this.markers.length > 0 && this.markers[0]! <= index) this.markers.shift()
  }
}

/**
 * Only asked while no marker counts or below one that does, where bodies are plaintext by SPEC §10;
 * the body of a sealed entry begins with the envelope's version, which is no opcode of a marker.
 */
function isMarker(entry: Entry): boolean {
  if (entry.kind !== "normal") return false
  const body = ProposalEnvelope.bodyOf(entry.data)
  return body !== undefined && Command.isEnableRaftEnvelope(body)
}
