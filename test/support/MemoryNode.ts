/** A node on a memory disk with everything else fixed: KEK, CSPRNG from a seed, settings. */
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type { NodeName } from "../../src/domain/Ids.ts"
import * as AdmissionAlone from "../../src/layers/AdmissionAlone.ts"
import * as KekProviderMemory from "../../src/layers/KekProviderMemory.ts"
import type { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import * as Node from "../../src/layers/Node.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import * as NodeMemory from "../../src/layers/NodeMemory.ts"
import * as TransportNone from "../../src/layers/TransportNone.ts"
import { Csprng } from "../../src/services/Csprng.ts"
import type { NodeSettings } from "../../src/services/NodeConfig.ts"
import { seededNumbers } from "./SeededNumbers.ts"

export const csprng = (seed: number) => {
  const numbers = seededNumbers(seed)
  return Layer.succeed(Csprng, {
    bytes: (size) => {
      const bytes = Buffer.allocUnsafeSlow(size)
      for (let at = 0; at < size; at++) bytes[at] = numbers.below(256)
      return bytes
    }
  })
}

/** Of every byte of the KEK that nodes have unless they are given another. */
export const kekValue = 7

/** 32 bytes of one value. */
export const kek = (value = kekValue) => KekProviderMemory.layer({ bytes: Buffer.alloc(32, value) })

export interface MemoryNodeOptions {
  readonly disk: MemoryDisk
  readonly seed?: number
  readonly nodeName?: string
  readonly kek?: ReturnType<typeof kek>
  readonly settings?: Partial<NodeSettings>
  /** What the node logs; nobody, unless somebody is named. */
  readonly loggers?: ReadonlyArray<Logger.Logger<unknown, unknown>>
}

/** With the key-value machine and store. */
export const memoryNode = (options: MemoryNodeOptions) =>
  NodeMemory.layer({
    disk: options.disk,
    nodeName: (options.nodeName ?? "n1") as NodeName
  }).pipe(
    Layer.provide(options.kek ?? kek()),
    Layer.provideMerge(csprng(options.seed ?? 1)),
    Layer.provideMerge(NodeConfigLive.layer(options.settings)),
    Layer.provide(Logger.layer(options.loggers ?? []))
  )

/** The same for another state machine, which it requires. */
export const replicaNode = ({ disk, ...options }: MemoryNodeOptions) =>
  Node.replica({ nodeName: (options.nodeName ?? "n1") as NodeName }).pipe(
    Layer.provideMerge(
      Layer.mergeAll(NodeMemory.stores({ disk }), TransportNone.layer, AdmissionAlone.layer())
    ),
    Layer.provide(options.kek ?? kek()),
    Layer.provideMerge(csprng(options.seed ?? 1)),
    Layer.provideMerge(NodeConfigLive.layer(options.settings)),
    Layer.provide(Logger.layer(options.loggers ?? []))
  )
