/** Bugs in the capability gate that only a test assembly can have (SPEC §14). */
import * as Effect from "effect/Effect"
import * as CapabilityRefusal from "../../src/layers/CapabilityRefusal.ts"
import { Applier } from "../../src/services/Applier.ts"
import { CapabilityGate } from "../../src/services/CapabilityGate.ts"
import { Keystore } from "../../src/services/Keystore.ts"
import { seen, swap } from "../support/SwappedLayers.ts"
import type * as Planted from "./Planted.ts"
import * as PlantedPrograms from "./PlantedPrograms.ts"
import { swapped } from "./PlantedServices.ts"

/** Who votes is asked, and nobody else counts. */
const learnersLeftOut = swapped(() => {
  const node: { applier?: Applier["Service"] } = {}
  const isVoter = (nodeName: string) => {
    const { byId, configuration } = node.applier!.members
    return configuration.voters.some((id) => byId.get(id)?.nodeName === nodeName)
  }
  return [
    seen(Applier, (applier) => {
      node.applier = applier
    }),
    swap(CapabilityGate, (gate) => ({
      ...gate,
      check: Effect.flatMap(gate.survey, (nodes) =>
        CapabilityRefusal.unlessAble(nodes.filter(({ nodeName }) => isVoter(nodeName)))
      )
    }))
  ]
})

export const all: Readonly<Record<string, Planted.Planted>> = {
  gateLeavesLearnersOut: { ...learnersLeftOut, program: PlantedPrograms.learnerHasWrongKek },
  /** A node that does not have a key makes its proof up, and is believed. */
  gateTakesAnyProof: swapped(() => [
    swap(Keystore, (keystore) => ({
      ...keystore,
      prove: (_, keys) =>
        Effect.succeed(keys.map(({ id }) => ({ keyId: id, proof: Buffer.alloc(32) }))),
      proven: (_, keys) => Effect.succeed(new Set(keys.map(({ id }) => id)))
    }))
  ])
}
