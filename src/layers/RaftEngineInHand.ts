/**
 * What a round has taken from the inbox, while the driver accepts it one after the other.
 *
 * An input is here until it is accepted in full; from then on the driver knows who waits for it. What
 * must never happen: an input that is neither in the inbox, nor here, nor known to the driver, because
 * a step threw or the loop was interrupted; one that is told twice how it ended.
 * Proof: `test/layers/RaftEngineInHand.test.ts`.
 */
import type { RaftEngineDriver } from "./RaftEngineDriver.ts"
import type { Input } from "./RaftEngineInput.ts"

const nothing: ReadonlyArray<Input> = []

/** Mutable: one per engine, driven by its single fibre. */
export class RaftEngineInHand {
  private inputs = nothing
  private acceptedCount = 0

  take(inputs: ReadonlyArray<Input>): void {
    this.inputs = inputs
    this.acceptedCount = 0
  }

  /** If one makes this throw, that one and those after it stay here. */
  acceptAll(driver: Pick<RaftEngineDriver, "accept">): void {
    const { inputs } = this
    for (; this.acceptedCount < inputs.length; this.acceptedCount += 1) {
      driver.accept(inputs[this.acceptedCount]!)
    }
    this.take(nothing)
  }

  /** Those that nobody accepts any more. */
  giveUp(): ReadonlyArray<Input> {
    const left = this.inputs.slice(this.acceptedCount)
    this.take(nothing)
    return left
  }
}
