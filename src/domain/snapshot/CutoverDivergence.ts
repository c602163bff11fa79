/**
 * Do the newest snapshot and the sidecar tell one story of the cutover (SPEC §17)?
 *
 * Why it exists: which entries are sealed is decided by one index. If the snapshot a node would restore
 * from and the state it runs on name different ones, some entry would be misread.
 * Proof: `CutoverDivergence.test.ts`, over all small positions.
 */
import { EnvelopeCutoverDivergence } from "../encryption/Errors.ts"
import type { LogIndex } from "../Ids.ts"

export interface CutoverStory {
  /** The last index in the snapshot, and the cutover index in its header (0 = not cut over). */
  readonly snapshot: { readonly index: LogIndex; readonly cutover: LogIndex }
  /** The sidecar's cutover index (0 = not cut over), and the applied index it is of. */
  readonly sidecar: { readonly cutover: LogIndex; readonly applied: LogIndex }
}

export function problemOf({
  sidecar,
  snapshot
}: CutoverStory): EnvelopeCutoverDivergence | undefined {
  const { applied, cutover: own } = sidecar
  const { cutover: header, index } = snapshot
  const isDifferent = header !== 0 && own !== 0 && header !== own
  /** The snapshot has the marker in it, and its header does not know. */
  const isMissingInHeader = own !== 0 && own <= index && header === 0
  /** The state has applied the marker of the snapshot, and does not know. */
  const isMissingInSidecar = header !== 0 && applied >= header && own === 0
  if (!isDifferent && !isMissingInHeader && !isMissingInSidecar) return undefined
  return new EnvelopeCutoverDivergence({
    snapshotIndex: index,
    snapshotCutover: header,
    sidecarCutover: own,
    appliedIndex: applied
  })
}
