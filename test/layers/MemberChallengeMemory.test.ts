import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as MemberChallengeMemory from "../../src/layers/MemberChallengeMemory.ts"
import { MemoryNetwork } from "../../src/layers/MemoryNetwork.ts"
import { MemberChallenge } from "../../src/services/MemberChallenge.ts"
import * as Contract from "../contracts/MemberChallenge.ts"
import { openingOf } from "../support/PeerIdentities.ts"

const open = Effect.gen(function* () {
  const network = new MemoryNetwork()
  const openMember = (id: number) =>
    Layer.build(
      Layer.fresh(Layer.provide(MemberChallengeMemory.layer({ network }), Contract.memberOf(id)))
    )
  const challenges = Context.get(yield* openMember(1), MemberChallenge)
  yield* openMember(2)
  yield* network.answers(openingOf(4).nodeName, yield* Contract.newcomerOf(4))
  const candidate = (id: number) => {
    const { incarnation, memberId, nodeName } = openingOf(id)
    return { nodeName, incarnation, memberId, address: undefined }
  }
  return {
    challenges,
    member: candidate(2),
    newcomer: { ...candidate(4), memberId: undefined },
    nobody: candidate(3)
  }
}).pipe(Effect.orDie)

Contract.suite("memory", open)
