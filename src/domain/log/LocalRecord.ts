/** What a node keeps about itself and about its peers' openings (SPEC §3, §6). */
import type { ClusterId, GroupId, Incarnation, KeyId, LocalEpoch, NodeName } from "../Ids.ts"

export interface LocalRecord {
  readonly nodeName: NodeName
  /** Random, drawn when the directory was created. */
  readonly incarnation: Incarnation
  readonly clusterId: ClusterId
  readonly groupId: GroupId
  /** Openings of this directory, the current one included. */
  readonly bootCount: number
  /** The last epoch used with each raft DEK; only ever grows. */
  readonly epochs: ReadonlyMap<KeyId, LocalEpoch>
  /** The highest boot count seen of each peer incarnation. */
  readonly peerBootCounts: ReadonlyMap<Incarnation, number>
}
