/**
 * The header of a request that one node hands to another, and whom it is meant for (SPEC §9).
 *
 * What must never happen: a request for one member served by another node, which has its endpoint by now.
 * Proof: `test/layers/ForwardingAddressee.test.ts`.
 */
import type { ClusterId, MemberId } from "../Ids.ts"

/** With whatever value it comes, a request that bears it is not forwarded again. */
export const name = "sealog-forwarded"

/** One member of one cluster; a member's number is never given again there. */
export interface Addressee {
  readonly clusterId: ClusterId
  readonly memberId: MemberId
}

/**
 * The one value for this addressee. A node compares what it receives with its own and does not parse
 * it, so that there is no second spelling.
 */
export const valueFor = ({ clusterId, memberId }: Addressee): string => `${clusterId}/${memberId}`
