/** A node on a memory disk whose log writes wait at a gate, as they would at a slow disk. */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type { NodeName } from "../../src/domain/Ids.ts"
import * as AdmissionAlone from "../../src/layers/AdmissionAlone.ts"
import * as FreeSpaceMemory from "../../src/layers/FreeSpaceMemory.ts"
import * as LogEnvironmentMemory from "../../src/layers/LogEnvironmentMemory.ts"
import type { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { groupId, replicaKv } from "../../src/layers/Node.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import * as StateStoreMemory from "../../src/layers/StateStoreMemory.ts"
import * as TransportNone from "../../src/layers/TransportNone.ts"
import type { NodeSettings } from "../../src/services/NodeConfig.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { csprng, kek } from "./MemoryNode.ts"

export class Gate {
  private readonly latch = Latch.makeUnsafe(true)
  /** Writes that stand at the gate. */
  waitingCount = 0
  private closesAfterOne = false

  close(): void {
    this.latch.closeUnsafe()
  }

  open(): void {
    this.latch.openUnsafe()
  }

  /** Lets one write through and shuts again behind it. */
  openOnce(): void {
    this.closesAfterOne = true
    this.latch.openUnsafe()
  }

  readonly pass = Effect.suspend(() => {
    this.waitingCount += 1
    return Effect.ensuring(
      Effect.map(this.latch.await, () => {
        if (this.closesAfterOne) this.close()
        this.closesAfterOne = false
      }),
      Effect.sync(() => {
        this.waitingCount -= 1
      })
    )
  })

  /** Returns once a write stands at the gate. */
  readonly reached = Effect.suspend(() =>
    Effect.repeat(Effect.yieldNow, { while: () => this.waitingCount === 0 })
  )
}

export const gatedNode = (options: {
  readonly disk: MemoryDisk
  readonly gate: Gate
  readonly settings?: Partial<NodeSettings>
}) => {
  const { disk, gate } = options
  const gated = Layer.effect(
    RaftLogStore,
    Effect.map(RaftLogStore, (store) => ({
      ...store,
      persist: (write) => Effect.andThen(gate.pass, store.persist(write))
    }))
  )
  const log = Layer.provideMerge(gated, LogEnvironmentMemory.layer({ disk, groupId }))
  return replicaKv({ nodeName: "n1" as NodeName }).pipe(
    Layer.provideMerge(Layer.mergeAll(TransportNone.layer, AdmissionAlone.layer())),
    Layer.provideMerge(
      Layer.mergeAll(
        Layer.provideMerge(StateStoreMemory.layer({ disk }), log),
        FreeSpaceMemory.layer({ disk })
      )
    ),
    Layer.provide(kek()),
    Layer.provideMerge(csprng(1)),
    Layer.provideMerge(NodeConfigLive.layer(options.settings)),
    Layer.provide(Logger.layer([]))
  )
}
