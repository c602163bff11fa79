/**
 * Says once that requests are refused for want of space, and once that there is enough again: with a
 * margin, or a disk at the mark would say so at every request. Proof: `test/layers/NodeEvents.test.ts`.
 */
import type { SpaceLow } from "../domain/engine/Errors.ts"
import type { FreeSpace } from "../services/FreeSpace.ts"
import type { Telemetry } from "../services/Telemetry.ts"

/** Free again means: this many times the mark. */
const marginFactor = 1.1

export class SpaceReport {
  private readonly space: FreeSpace["Service"]
  private readonly telemetry: Telemetry["Service"]
  /** The mark that was passed, while it is. */
  private freeBytesMin: number | undefined = undefined

  constructor(space: FreeSpace["Service"], telemetry: Telemetry["Service"]) {
    this.space = space
    this.telemetry = telemetry
  }

  refused({ freeBytesMin }: SpaceLow): void {
    if (this.freeBytesMin !== undefined) return
    this.freeBytesMin = freeBytesMin
    const freeBytes = this.space.freeBytes()
    this.telemetry.report({ _tag: "SpaceBelowMark", freeBytes, freeBytesMin })
  }

  admitted(): void {
    const { freeBytesMin } = this
    if (freeBytesMin === undefined) return
    const freeBytes = this.space.freeBytes()
    if (freeBytes < marginFactor * freeBytesMin) return
    this.freeBytesMin = undefined
    this.telemetry.report({ _tag: "SpaceAboveMark", freeBytes, freeBytesMin })
  }
}
