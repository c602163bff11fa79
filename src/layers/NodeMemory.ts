/**
 * One node on a {@link MemoryDisk}: the same assembly as `Node`, for tests and embedders.
 *
 * Requires a KEK provider, a CSPRNG and settings, so that all of them can be swapped.
 */
import * as Layer from "effect/Layer"
import type { NodeName } from "../domain/Ids.ts"
import * as AdmissionAlone from "./AdmissionAlone.ts"
import * as FreeSpaceMemory from "./FreeSpaceMemory.ts"
import * as LogEnvironmentMemory from "./LogEnvironmentMemory.ts"
import type { MemoryDisk } from "./MemoryDisk.ts"
import { groupId, isolated, replicaKv } from "./Node.ts"
import * as StateStoreMemory from "./StateStoreMemory.ts"
import * as TransportNone from "./TransportNone.ts"

/** Both environments on one disk, which is held as a directory would be. */
export const stores = (options: { readonly disk: MemoryDisk }) =>
  StateStoreMemory.layer(options).pipe(
    Layer.provideMerge(LogEnvironmentMemory.layer({ disk: options.disk, groupId })),
    Layer.provideMerge(FreeSpaceMemory.layer(options))
  )

/** The KV store on a memory disk, with one voter. */
export const layer = (options: { readonly disk: MemoryDisk; readonly nodeName: NodeName }) =>
  replicaKv(options).pipe(
    Layer.provideMerge(Layer.mergeAll(TransportNone.layer, AdmissionAlone.layer())),
    Layer.provideMerge(stores(options)),
    isolated
  )
