/**
 * What is told of the replicated encryption state as it changes, on every node: phases and active DEKs.
 *
 * What must never happen: a report per round; one of a state that is not applied. Proof:
 * `test/layers/NodeEvents.test.ts`.
 */
import * as SidecarState from "../domain/encryption/SidecarState.ts"
import type { Telemetry } from "../services/Telemetry.ts"

export class EncryptionReport {
  private readonly telemetry: Telemetry["Service"]
  private before: SidecarState.SidecarState

  constructor(telemetry: Telemetry["Service"], opened: SidecarState.SidecarState) {
    this.telemetry = telemetry
    this.before = opened
  }

  /** A round is over. */
  applied(sidecar: SidecarState.SidecarState): void {
    const { before } = this
    if (sidecar === before) return
    this.before = sidecar
    const phase = SidecarState.phase(sidecar)
    if (phase !== SidecarState.phase(before) && phase !== 0) {
      const index = phase === 1 ? sidecar.storageEnvelopeIndex : sidecar.raftEnvelopeCutoverIndex
      this.telemetry.report({ _tag: "PhaseEntered", phase, index })
    }
    for (const purpose of ["storage", "raft"] as const) {
      const keyId = sidecar.active[purpose]
      const isRotated = before.active[purpose] !== 0 && before.active[purpose] !== keyId
      const index = SidecarState.keyOf(sidecar, keyId)?.createdIndex
      if (isRotated && index !== undefined) {
        this.telemetry.report({ _tag: "DekRotated", purpose, keyId, index })
      }
    }
  }
}
