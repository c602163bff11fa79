/**
 * Answers nodes that introduce themselves, from the applied members and the leader (SPEC §15).
 *
 * Proof: `test/layers/Introductions.test.ts`, `test/domain/peer/IntroductionBook.test.ts`.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { invariant } from "../domain/Invariant.ts"
import type { AdmissionAnswer } from "../domain/peer/AdmissionAnswer.ts"
import * as IntroductionBook from "../domain/peer/IntroductionBook.ts"
import { Applier } from "../services/Applier.ts"
import { type ClusterView, Introductions } from "../services/Introductions.ts"
import { Opening } from "../services/Opening.ts"
import { RaftEngine } from "../services/RaftEngine.ts"

const limits = { countMax: 64, keptMillis: 30_000 }

const isNameTaken = (answer: AdmissionAnswer): boolean =>
  answer._tag === "Refused" && answer.reason === "nameTaken"

const make = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const { clusterId, memberId: self } = yield* Opening
  const book = new IntroductionBook.IntroductionBook(limits)
  let cluster: ClusterView | undefined
  return Introductions.of({
    answer: (introduction) => {
      if (cluster === undefined) return { _tag: "Waiting", leader: undefined }
      const answer = IntroductionBook.answerTo(introduction, {
        clusterId,
        self,
        members: cluster.members(),
        leader: cluster.leader()
      })
      // Also under a member's name: the operator who adds it is to be told that it is another one.
      const isKept = answer._tag === "Waiting" || isNameTaken(answer)
      if (isKept) book.keep(introduction, clock.currentTimeMillisUnsafe())
      return answer
    },
    newest: (nodeName) => book.newest(nodeName, clock.currentTimeMillisUnsafe()),
    attach: (view) => {
      invariant(cluster === undefined, "the introductions are attached once")
      cluster = view
    }
  })
})

export const layer: Layer.Layer<Introductions, never, Opening> = Layer.effect(Introductions, make)

/** Attaches it to the node's own state and engine, which are built after the port that asks it. */
export const attached: Layer.Layer<never, never, Applier | Introductions | RaftEngine> =
  Layer.effectDiscard(
    Effect.gen(function* () {
      const applier = yield* Applier
      const engine = yield* RaftEngine
      const introductions = yield* Introductions
      introductions.attach({
        members: () => applier.members.byId.values(),
        leader: () => engine.status().leader
      })
    })
  )
