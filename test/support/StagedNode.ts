/**
 * A node on a memory disk whose cutover can be held at each of its steps: at the capability gate, and
 * at the writes to the log that a test names, before they reach the disk or after.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Command from "../../src/domain/encryption/Command.ts"
import type { NodeName } from "../../src/domain/Ids.ts"
import * as ProposalEnvelope from "../../src/domain/log/ProposalEnvelope.ts"
import type { Entry } from "../../src/domain/raft/Entry.ts"
import * as AdmissionAlone from "../../src/layers/AdmissionAlone.ts"
import * as CutoverLive from "../../src/layers/CutoverLive.ts"
import * as FreeSpaceMemory from "../../src/layers/FreeSpaceMemory.ts"
import * as LogEnvironmentMemory from "../../src/layers/LogEnvironmentMemory.ts"
import type { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { groupId, replicaKv } from "../../src/layers/Node.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import * as StateStoreMemory from "../../src/layers/StateStoreMemory.ts"
import * as TransportNone from "../../src/layers/TransportNone.ts"
import { CapabilityGate } from "../../src/services/CapabilityGate.ts"
import type { NodeSettings } from "../../src/services/NodeConfig.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { Gate } from "./GatedLog.ts"
import { csprng, kek } from "./MemoryNode.ts"

export class Holds {
  /** Where the preflight asks every member. */
  readonly capability = new Gate()
  /** In front of the disk, and behind it: there a write is durable and nobody knows. */
  readonly beforeWrite = new Gate()
  readonly afterWrite = new Gate()
  /** Writes with none of these entries pass both gates. */
  isHeld: (entry: Entry) => boolean = () => true

  /** Everything goes on. */
  release(): void {
    this.capability.open()
    this.beforeWrite.open()
    this.afterWrite.open()
  }
}

export const isMarker = ({ data, kind }: Entry): boolean => {
  if (kind !== "normal") return false
  const body = ProposalEnvelope.bodyOf(data)
  return body !== undefined && Command.isEnableRaftEnvelope(body)
}

export interface StagedNodeOptions {
  readonly disk: MemoryDisk
  readonly holds: Holds
  readonly seed?: number
  readonly settings?: Partial<NodeSettings>
}

export const stagedNode = ({ disk, holds, seed = 1, settings }: StagedNodeOptions) => {
  const gated = Layer.effect(
    RaftLogStore,
    Effect.map(RaftLogStore, (store) => ({
      ...store,
      persist: (write) =>
        write.entries.some((entry) => holds.isHeld(entry))
          ? holds.beforeWrite.pass.pipe(
              Effect.andThen(store.persist(write)),
              Effect.andThen(holds.afterWrite.pass)
            )
          : store.persist(write)
    }))
  )
  const gate = Layer.effect(
    CapabilityGate,
    Effect.map(CapabilityGate, (gate) => ({
      ...gate,
      check: Effect.andThen(holds.capability.pass, gate.check)
    }))
  )
  // The cutover that the node has already is another one, and nobody asks it.
  return Layer.fresh(CutoverLive.layer).pipe(
    Layer.provide(gate),
    Layer.provideMerge(replicaKv({ nodeName: "n1" as NodeName })),
    Layer.provideMerge(Layer.mergeAll(TransportNone.layer, AdmissionAlone.layer())),
    Layer.provideMerge(gated),
    Layer.provideMerge(FreeSpaceMemory.layer({ disk })),
    Layer.provideMerge(
      Layer.mergeAll(
        Layer.provideMerge(
          StateStoreMemory.layer({ disk }),
          LogEnvironmentMemory.layer({ disk, groupId })
        ),
        csprng(seed),
        NodeConfigLive.layer(settings)
      )
    ),
    Layer.provide(kek()),
    Layer.provide(Logger.layer([]))
  )
}
