/**
 * The cutover of a program that has a node inside it: an election is a pause, as it is for operators
 * behind RPC; a second cutover is refused at once (SPEC §12, §13). Proof: `test/layers/Sealog.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Cutover } from "../services/Cutover.ts"
import type { NodeConfig } from "../services/NodeConfig.ts"
import type { QuiescenceBarrier } from "../services/QuiescenceBarrier.ts"
import * as Patience from "./Patience.ts"

const make = Effect.gen(function* () {
  const cutover = yield* Cutover
  const { duringElection } = yield* Patience.make
  return Cutover.of({
    ...cutover,
    enableRaftEnvelope: duringElection(cutover.enableRaftEnvelope),
    dryRun: duringElection(cutover.dryRun)
  })
})

/** Stands in front of the cutover that it requires. */
export const layer: Layer.Layer<Cutover, never, Cutover | NodeConfig | QuiescenceBarrier> =
  Layer.effect(Cutover, make)
