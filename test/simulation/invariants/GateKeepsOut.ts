/**
 * SPEC §14: nobody passes the capability gate who could not take part. Whoever was unable from before the
 * question until the answer, by what the simulator itself knows, must not have been let through.
 */
import * as Effect from "effect/Effect"
import { CapabilityGate } from "../../../src/services/CapabilityGate.ts"
import { type Swap, swap } from "../../support/SwappedLayers.ts"
import type { Findings } from "../Findings.ts"

/** Who cannot take part and why, by name; another reason whenever it was started anew. */
export type Unable = ReadonlyMap<string, string>

interface Parts {
  readonly findings: Findings
  readonly unable: () => Unable
  /** Voters and learners, by the word of this node. */
  readonly membersOf: (name: string) => ReadonlyArray<string>
}

export class GateKeepsOut {
  private readonly parts: Parts

  constructor(parts: Parts) {
    this.parts = parts
  }

  swaps(name: string): ReadonlyArray<Swap> {
    return [
      swap(CapabilityGate, (gate) => ({
        ...gate,
        check: this.watched(gate.check, () => this.parts.membersOf(name)),
        checkNode: (node) => this.watched(gate.checkNode(node), () => [node.nodeName])
      }))
    ]
  }

  private watched<E>(check: Effect.Effect<void, E>, whom: () => ReadonlyArray<string>) {
    return Effect.suspend(() => {
      const before = this.parts.unable()
      return Effect.map(check, () => this.passed(before, whom()))
    })
  }

  private passed(before: Unable, names: ReadonlyArray<string>): void {
    const { findings, unable } = this.parts
    const now = unable()
    for (const name of names) {
      const reason = now.get(name)
      if (reason === undefined || before.get(name) !== reason) continue
      findings.violated("gate", `${name} was let through: ${reason}`)
    }
  }
}
