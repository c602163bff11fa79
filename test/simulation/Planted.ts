/** What a test assembly may put in the place of its parts. */
import type { Options } from "../../src/domain/raft/Options.ts"
import type { PlantedBug } from "../../src/domain/raft/PlantedBug.ts"
import type { Raft } from "../../src/domain/raft/Raft.ts"
import * as NodeMemory from "../../src/layers/NodeMemory.ts"

export interface Planted {
  readonly makeCore: (options: Options, make: (bug?: PlantedBug) => Raft) => Raft
  readonly stores: typeof NodeMemory.stores
  /** Reads are answered from what the node asked has applied. */
  readonly isStale: boolean
  /** Damage on a disk has a checksum that fits. */
  readonly isDamageUnseen: boolean
}

export const none: Planted = {
  makeCore: (_, make) => make(),
  stores: NodeMemory.stores,
  isStale: false,
  isDamageUnseen: false
}
