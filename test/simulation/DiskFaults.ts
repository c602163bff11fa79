/** What is done to the disk of one simulated node, and to its time. */
import * as Effect from "effect/Effect"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import type { Struck } from "./Findings.ts"
import type { Fault, FaultOfNode } from "./Program.ts"
import type { SimulatedNode } from "./SimulatedNode.ts"
import type { World } from "./World.ts"

export class DiskFaults {
  private readonly world: World

  constructor(world: World) {
    this.world = world
  }

  strike(fault: FaultOfNode, node: SimulatedNode, struck: Struck): Effect.Effect<void> {
    return Effect.sync(() => {
      const disk = this.world.disk(node.name)
      if (fault.kind === "flippedBit") return this.flip(node, fault.at, struck)
      if (node.phase !== "up") return
      switch (fault.kind) {
        case "pause":
          node.processor.pause()
          this.world.endsAfter(fault.millis, () => node.processor.resume())
          return struck()
        case "drift":
          node.processor.drift(fault.rate)
          return struck()
        case "slowDisk":
          disk.logWriteMillis = fault.writeMillis
          return struck()
        case "fullDisk":
          return this.fill(fault, node, struck)
        case "logWriteError":
          node.mayHalt = true
          disk.refused = struck
          disk.nextLogFault = new Error("planted: the log cannot be written")
          return
        case "stateWriteError":
          node.mayHalt = true
          disk.refused = struck
          disk.nextStateFault = new Error("planted: the state cannot be written")
      }
    })
  }

  /** Below the mark of users, or below that of the administration too; commits still fit. */
  private fill(
    { isForAdmin, millis }: Fault & { kind: "fullDisk" },
    node: SimulatedNode,
    struck: Struck
  ): void {
    const disk = this.world.disk(node.name)
    const { freeBytesHalt, freeBytesMin } = NodeConfigLive.defaults
    disk.freeBytes = (isForAdmin ? freeBytesHalt : freeBytesMin) + 1
    node.refusesForSpace = struck
    this.world.endsAfter(millis, () => {
      if (node.refusesForSpace === struck) disk.freeBytes = Number.MAX_SAFE_INTEGER
    })
  }

  /** In the log, until somebody has repaired it. */
  private flip(node: SimulatedNode, at: number, struck: Struck): void {
    const disk = this.world.disk(node.name)
    const indexes = [...disk.entries.keys()]
    const index = indexes[Math.floor(at * indexes.length)]
    if (index === undefined || disk.isDamaged) return
    struck()
    const sound = disk.entries.get(index)!
    const damaged = Buffer.from(sound)
    const byte = Math.floor(at * 997) % damaged.length
    damaged[byte] = damaged[byte]! ^ (1 << (Math.floor(at * 9973) % 8))
    disk.entries.set(index, this.world.disguised(index, damaged))
    const found = disk.entries.get(index)
    disk.isDamaged = true
    node.mayHalt = true
    this.world.endsAfter(700, () => {
      if (disk.entries.get(index) === found) disk.entries.set(index, sound)
      disk.isDamaged = false
    })
  }
}
