/** A node of a simulated cluster from outside: its processor, how far it has come, and what it can do. */
import type * as Fiber from "effect/Fiber"
import type { Struck } from "./Findings.ts"
import type { Sim } from "./Sim.ts"
import { SimProcessor } from "./SimProcessor.ts"
import type { Watch, Watched } from "./Watch.ts"

export class SimulatedNode {
  readonly name: string
  readonly processor: SimProcessor
  phase: "down" | "starting" | "up" | "halted" | "crashing" = "down"
  watched: Watched | undefined = undefined
  /** It has been given a reason to stop. */
  mayHalt = false
  /** Which KEK it is opened with, from its next start on. */
  kek: "right" | "wrong" | "missing" = "right"
  /** Told when it refuses a request because its disk is nearly full; `undefined` if it never was. */
  refusesForSpace: Struck | undefined = undefined
  /** What it has sent and nobody has got yet goes with its power. */
  losesSent = false
  /** Lives that it began or ended. */
  life = 0
  private inability: string | undefined = "is down"
  opening: Fiber.Fiber<void, unknown> | undefined = undefined

  constructor(name: string, sim: Sim, watch: Watch) {
    this.name = name
    this.processor = new SimProcessor(sim, () => {
      if (this.watched !== undefined) watch.turned(this.watched)
    })
  }

  /** It has no power. */
  get isOff(): boolean {
    return this.phase === "down" || this.phase === "crashing"
  }

  /** What it sent in that life is gone. */
  hasLost(life: number): boolean {
    return this.losesSent && life !== this.life
  }

  /** Why it cannot take part in encryption, another word in each life; `undefined`: it can. */
  get unable(): string | undefined {
    return this.inability === undefined ? undefined : `${this.inability} (life ${this.life})`
  }

  /** A life begins, or ends. */
  lives(inability: string | undefined): void {
    this.life += 1
    this.inability = inability
  }
}
