/** SPEC §14: who is asked to enable the storage envelope, and in which term it is proposed. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as CutoverMachine from "../../src/domain/cutover/CutoverMachine.ts"
import type { WrappedKey } from "../../src/domain/encryption/SidecarState.ts"
import * as SidecarState from "../../src/domain/encryption/SidecarState.ts"
import * as WriterRegistry from "../../src/domain/encryption/WriterRegistry.ts"
import { NotLeader } from "../../src/domain/engine/Errors.ts"
import type { ClusterId, KeyId, Term } from "../../src/domain/Ids.ts"
import * as Members from "../../src/domain/members/Members.ts"
import * as AdministrationTurnLive from "../../src/layers/AdministrationTurnLive.ts"
import * as EncryptionAdminLive from "../../src/layers/EncryptionAdminLive.ts"
import * as KeystoreLive from "../../src/layers/KeystoreLive.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import * as QuiescenceBarrierLive from "../../src/layers/QuiescenceBarrierLive.ts"
import * as WrapFlagLive from "../../src/layers/WrapFlagLive.ts"
import { Applier } from "../../src/services/Applier.ts"
import { CapabilityGate } from "../../src/services/CapabilityGate.ts"
import { Coordinator } from "../../src/services/Coordinator.ts"
import { Cutover } from "../../src/services/Cutover.ts"
import { EncryptionAdmin } from "../../src/services/EncryptionAdmin.ts"
import { Opening } from "../../src/services/Opening.ts"
import { type Intake, RaftEngine } from "../../src/services/RaftEngine.ts"
import { csprng, kek } from "../support/MemoryNode.ts"

/** A node of which the test says whether it leads, before the gate and after it. */
class FakeNode {
  intake: Intake = { _tag: "Open", term: 4 as Term }
  intakeAfterGate: Intake | undefined
  gateCount = 0
  /** There are DEKs, and only the enabling itself is left to propose. */
  isBootstrapped = false
  /** Of each command, the term it was to be proposed in. */
  readonly terms: Array<Term> = []

  get layer() {
    const initial = SidecarState.initial("c".repeat(32) as ClusterId)
    const active = { storage: 5 as KeyId, raft: 7 as KeyId }
    const bootstrapped = { ...initial, active, keys: [{} as WrappedKey] }
    const sidecar = this.isBootstrapped ? bootstrapped : initial
    return EncryptionAdminLive.layer.pipe(
      Layer.provide([
        Layer.succeed(Applier, {
          sidecar,
          members: Members.empty,
          registry: WriterRegistry.empty
        } as Applier["Service"]),
        Layer.succeed(RaftEngine, {
          intake: () => this.intake
        } as Partial<RaftEngine["Service"]> as RaftEngine["Service"]),
        Layer.mock(CapabilityGate, {
          check: Effect.sync(() => {
            this.gateCount += 1
            this.intake = this.intakeAfterGate ?? this.intake
          })
        }),
        Layer.mock(Cutover, { state: () => CutoverMachine.idle, timings: () => undefined }),
        Layer.mock(Coordinator, {
          administer: (_, { term }) =>
            Effect.suspend(() => {
              this.terms.push(term)
              return Effect.fail(new NotLeader({ leader: undefined }))
            })
        }),
        Layer.succeed(Opening, {} as Opening["Service"]),
        QuiescenceBarrierLive.layer,
        WrapFlagLive.layer,
        Layer.provide(AdministrationTurnLive.layer, NodeConfigLive.layer())
      ]),
      Layer.provide(Layer.provide(KeystoreLive.layer, [csprng(1), kek()]))
    )
  }
}

const enable = (node: FakeNode) =>
  Effect.flatMap(EncryptionAdmin, (admin) => Effect.flip(admin.enableStorageEnvelope)).pipe(
    Effect.provide(node.layer)
  )

describe("enabling the storage envelope", () => {
  it.effect("asks nobody on a node that does not lead, which names the leader", () =>
    Effect.gen(function* () {
      const node = new FakeNode()
      node.intake = { _tag: "Shut", reason: new NotLeader({ leader: 2 }) }
      expect(yield* enable(node)).toMatchObject({ _tag: "NotLeader", leader: 2 })
      expect([node.gateCount, node.terms]).toEqual([0, []])
    })
  )

  it.effect("proposes in the term it began in, also when it leads another one by then", () =>
    Effect.gen(function* () {
      for (const isBootstrapped of [false, true]) {
        const node = new FakeNode()
        node.isBootstrapped = isBootstrapped
        node.intakeAfterGate = { _tag: "Open", term: 6 as Term }
        yield* enable(node)
        expect([node.gateCount, node.terms]).toEqual([1, [4]])
      }
    })
  )
})
