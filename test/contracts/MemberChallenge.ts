/** The contract of `MemberChallenge`, against every layer of it (SPEC §14). */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { CapabilityAnswer } from "../../src/domain/capability/CapabilityAnswer.ts"
import type { Challenge } from "../../src/domain/capability/Challenge.ts"
import * as CapabilityLive from "../../src/layers/CapabilityLive.ts"
import * as KeystoreLive from "../../src/layers/KeystoreLive.ts"
import type { Capability } from "../../src/services/Capability.ts"
import type { Candidate } from "../../src/services/CapabilityGate.ts"
import { Keystore } from "../../src/services/Keystore.ts"
import type { MemberChallenge } from "../../src/services/MemberChallenge.ts"
import { Opening } from "../../src/services/Opening.ts"
import { csprng, kek } from "../support/MemoryNode.ts"
import { openingOf } from "../support/PeerIdentities.ts"

const keystore = Layer.provide(KeystoreLive.layer, [csprng(5), kek()])
const epoch = { epoch: 7, takenBy: undefined }

/** What a member with the KEK of this suite answers. */
export const memberOf = (id: number) => {
  const opening = Layer.succeed(Opening, openingOf(id, { newestEpoch: () => epoch }))
  return Layer.provideMerge(
    CapabilityLive.layer,
    Layer.merge(opening, keystore)
  ) satisfies Layer.Layer<Capability | Opening | Keystore, unknown>
}

/** What a node with that KEK answers that waits to become a member. */
export const newcomerOf = (id: number) =>
  Effect.map(CapabilityLive.ofNewcomer, (capabilityOf) => capabilityOf(openingOf(id))).pipe(
    Effect.provide(keystore),
    Effect.orDie
  )

export interface Asking {
  readonly challenges: MemberChallenge["Service"]
  readonly member: Candidate
  readonly newcomer: Candidate
  /** Where nobody is. */
  readonly nobody: Candidate
}

/** A member 2 and a newcomer 4, with what answers for them. */
export type Open = Effect.Effect<Asking, never, Scope.Scope>

const question = Effect.gen(function* () {
  const { clusterId } = openingOf(1)
  const { draw } = yield* Keystore
  const { keyId: id, wrapped } = yield* draw({ purpose: "raft", clusterId, taken: new Set() })
  const keys = [{ id, wrapped, clusterId, purpose: "raft" as const }]
  return (requestId: bigint): Challenge => ({
    ...{ requestId, clusterId, keys },
    nonce: Buffer.alloc(32, Number(requestId))
  })
})

/** It is that node which answers, and its proofs of all keys are right. */
const proves = Effect.fnUntraced(function* (
  id: number,
  { keys, nonce }: Challenge,
  answer: CapabilityAnswer
) {
  const { clusterId, incarnation, nodeName } = openingOf(id)
  expect(answer).toMatchObject({ nodeName, incarnation })
  const { proven } = yield* Keystore
  const subject = { nonce, clusterId, nodeName, incarnation }
  const keyIds = yield* proven(subject, keys, answer.proofs)
  expect([...keyIds]).toEqual(keys.map((key) => key.id))
})

export function suite(name: string, open: Open): void {
  const live = (
    says: string,
    run: (asking: Asking) => Effect.Effect<void, unknown, Keystore | Scope.Scope>
  ) =>
    it.live(says, () =>
      Effect.flatMap(open, run).pipe(Effect.provide(keystore), Effect.scoped, Effect.orDie)
    )

  describe(`MemberChallenge: ${name}`, () => {
    live("brings back what a member proves and is", ({ challenges, member }) =>
      Effect.gen(function* () {
        const challenge = (yield* question)(3n)
        const answer = yield* challenges.ask(member, challenge)
        expect(answer).toMatchObject({ requestId: 3n, epoch: 7 })
        expect(answer.member).toEqual({ clusterId: openingOf(2).clusterId, id: 2 })
        yield* proves(2, challenge, answer)
      })
    )

    live("brings back what a node proves that is no member yet", ({ challenges, newcomer }) =>
      Effect.gen(function* () {
        const challenge = (yield* question)(4n)
        const answer = yield* challenges.ask(newcomer, challenge)
        expect(answer).toMatchObject({ requestId: 4n, epoch: 0 })
        expect(answer.member).toBeUndefined()
        yield* proves(4, challenge, answer)
      })
    )

    live("gives each question its own answer, however many are asked at once", (asking) =>
      Effect.gen(function* () {
        const challengeOf = yield* question
        const ids = Array.from({ length: 20 }, (_, at) => BigInt(at + 1))
        const answers = yield* Effect.forEach(
          ids,
          (id) => {
            const node = id % 2n === 0n ? asking.member : asking.newcomer
            return Effect.map(asking.challenges.ask(node, challengeOf(id)), (answer) => ({
              asked: node.nodeName,
              answer
            }))
          },
          { concurrency: "unbounded" }
        )
        expect(answers.map(({ answer }) => answer.requestId)).toEqual(ids)
        for (const { answer, asked } of answers) expect(answer.nodeName).toBe(asked)
      })
    )

    live("says that nobody is there", ({ challenges, nobody }) =>
      Effect.gen(function* () {
        const challenge = (yield* question)(5n)
        expect(yield* Effect.flip(challenges.ask(nobody, challenge))).toBe("noConnection")
      })
    )
  })
}
