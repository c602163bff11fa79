/**
 * To whom a leader that is about to stop hands over (Raft thesis §3.10): the voter whose log is furthest,
 * of those that were heard lately. Proof: `Successor.test.ts`.
 */
import type { MemberId } from "../Ids.ts"
import type { Status } from "./Status.ts"

/** `undefined` if this member does not lead, or nobody can take over. */
export function successorOf({
  id,
  membership,
  progress
}: Pick<Status, "id" | "membership" | "progress">): MemberId | undefined {
  const candidates = [...progress].filter(
    ([peer, { isRecentlyActive }]) =>
      peer !== id && isRecentlyActive && membership.voters.includes(peer)
  )
  const furthest = candidates.toSorted(([, a], [, b]) => b.match - a.match)[0]
  return furthest?.[0]
}
