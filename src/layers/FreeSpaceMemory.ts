/**
 * The memory twin of `FreeSpaceStatfs`: free space is what the {@link MemoryDisk} says.
 *
 * For tests and embedders. Proof: `test/layers/FreeSpace.test.ts`.
 */
import * as Layer from "effect/Layer"
import type { DiskFullFailure } from "../domain/state/Errors.ts"
import { FreeSpace } from "../services/FreeSpace.ts"
import type { NodeConfig } from "../services/NodeConfig.ts"
import * as FreeSpaceStatfs from "./FreeSpaceStatfs.ts"
import type { MemoryDisk } from "./MemoryDisk.ts"

export const layer = (options: {
  readonly disk: Pick<MemoryDisk, "freeBytes">
}): Layer.Layer<FreeSpace, DiskFullFailure, NodeConfig> =>
  Layer.effect(
    FreeSpace,
    FreeSpaceStatfs.make({ freeBytes: () => options.disk.freeBytes, forget: () => {} })
  )
