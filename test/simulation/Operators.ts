/**
 * Who administers the encryption of a simulated cluster: goes through the phases, gives up and tries
 * again, calls while another does, and rotates keys. What must never happen: two cutover indexes.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { KeyPurpose } from "../../src/domain/encryption/DataKey.ts"
import { Cutover } from "../../src/services/Cutover.ts"
import { EncryptionAdmin } from "../../src/services/EncryptionAdmin.ts"
import { gateReasonsOf, tagOf } from "./ClusterCalls.ts"
import type { Struck } from "./Findings.ts"
import type { Fault } from "./Program.ts"
import type { World } from "./World.ts"

const patienceMillis = 1_500

export class Operators {
  cutoverIndex = 0
  private readonly world: World

  constructor(world: World) {
    this.world = world
  }

  /** Goes through the phases, again and again, on whoever leads. */
  get operator(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { program, sim } = this.world
      yield* Effect.sleep(program.pace.operatorMillis)
      while (!this.world.isOver) {
        yield* Effect.sleep(sim.numbers.below(150))
        // Some calls are given up, wherever they are.
        const isHasty = sim.numbers.below(4) === 0
        yield* this.phases(isHasty ? sim.numbers.below(80) : patienceMillis)
        if (this.cutoverIndex !== 0) yield* Effect.sleep(100 + sim.numbers.below(300))
      }
    })
  }

  /** Strikes once there is a leader that is called. */
  strike(
    fault: Fault & { kind: "rotation" | "anotherOperator" },
    struck: Struck
  ): Effect.Effect<void> {
    const calling =
      fault.kind === "rotation"
        ? this.rotate(fault.purpose, struck)
        : this.phases(fault.patienceMillis, struck)
    return Effect.asVoid(Effect.forkDetach(calling))
  }

  cutOverAt(index: number): void {
    const { findings } = this.world
    if (this.cutoverIndex === 0) findings.reach("cutOver")
    else if (this.cutoverIndex !== index) {
      findings.violated("cutover", `it is at ${this.cutoverIndex} and at ${index}`)
    }
    this.cutoverIndex = index
  }

  private phases(millis: number, struck: Struck = () => {}): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const name = this.world.cluster.readyLeader()
      if (name === undefined) return
      struck()
      const enable = Effect.flatMap(EncryptionAdmin, (admin) => admin.enableStorageEnvelope)
      const enabled = yield* this.world.call(name, enable, millis)
      if (enabled !== "lost" && Exit.isFailure(enabled)) {
        this.refused(enabled.cause)
      }
      yield* Effect.sleep(this.world.sim.numbers.below(60))
      const enableRaft = Effect.flatMap(Cutover, (cutover) => cutover.enableRaftEnvelope)
      const answer = yield* this.world.call(name, enableRaft, millis)
      if (answer === "lost") this.world.findings.reach("operatorLeft")
      else if (Exit.isSuccess(answer)) this.cutOverAt(answer.value.cutoverIndex)
      else this.refused(answer.cause)
    })
  }

  private refused(cause: Cause.Cause<unknown>): void {
    for (const what of [tagOf(cause), ...gateReasonsOf(cause)]) this.world.findings.reach(what)
  }

  private rotate(purpose: KeyPurpose, struck: Struck): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const name = this.world.cluster.readyLeader()
      if (name === undefined) return
      struck()
      const rotated = Effect.flatMap(EncryptionAdmin, (admin) => admin.rotateDek({ purpose }))
      const answer = yield* this.world.call(name, rotated)
      if (answer !== "lost" && Exit.isSuccess(answer)) this.world.findings.reach("rotated")
    })
  }
}
