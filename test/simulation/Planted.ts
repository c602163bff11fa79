/** What a test assembly may put in the place of its parts. */
import type { Message } from "../../src/domain/raft/Message.ts"
import type { Options } from "../../src/domain/raft/Options.ts"
import type { PlantedBug } from "../../src/domain/raft/PlantedBug.ts"
import type { Raft } from "../../src/domain/raft/Raft.ts"
import * as NodeMemory from "../../src/layers/NodeMemory.ts"
import type { NodeSettings } from "../../src/services/NodeConfig.ts"
import type { Swap } from "../support/SwappedLayers.ts"
import type { Program } from "./Program.ts"

export interface CoreParts {
  readonly options: Options
  readonly make: (bug?: PlantedBug) => Raft
  /** Past the engine. */
  readonly send: (message: Message) => void
}

export interface Planted {
  readonly makeCore: (parts: CoreParts) => Raft
  readonly stores: typeof NodeMemory.stores
  /** In the place of those that every simulated node has. */
  readonly settings?: Partial<NodeSettings>
  /** In the place of services of the node of this name. */
  readonly swaps: (name: string) => ReadonlyArray<Swap>
  /** Around the whole run: what is changed for it is as before afterwards. */
  readonly during: <A>(run: () => A) => A
  /** What it is planted together with, and what shows nothing by itself with the seed that catches it. */
  readonly besides?: Planted
  /** Itself, without `besides`. */
  readonly alone?: Planted
  /** A node that it gives a reason to stop. */
  readonly mayHalt?: string
  /** Narrows what a seed draws to what the bug needs; a sound cluster gets through it all the same. */
  readonly program?: (drawn: Program) => Program
  /** Reads are answered from what the node asked has applied. */
  readonly isStale: boolean
  /** Damage on a disk has a checksum that fits. */
  readonly isDamageUnseen: boolean
  /** The last write to a log is lost in a crash. */
  readonly isUnsynced: boolean
}

export const none: Planted = {
  makeCore: ({ make }) => make(),
  stores: NodeMemory.stores,
  swaps: () => [],
  during: (run) => run(),
  isStale: false,
  isDamageUnseen: false,
  isUnsynced: false
}
