/** SPEC §15: once there are DEKs, who comes in or gets a vote is asked and registered first. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { MemberId } from "../../src/domain/Ids.ts"
import * as Administration from "../../src/domain/members/Administration.ts"
import * as Members from "../../src/domain/members/Members.ts"
import { member, name, notCapable, withKek, withLeader, without } from "../support/FakeLeader.ts"

describe("a leader of an encrypted cluster", () => {
  it.effect("asks a newcomer and registers it before it is added, and again before it votes", () =>
    withLeader((leader, admin) =>
      Effect.gen(function* () {
        leader.encrypt()
        const added = yield* admin.add(withKek)
        assert.deepStrictEqual(added, { id: 3 as MemberId, role: "learner", wasAlready: false })
        assert.deepStrictEqual(leader.steps, ["registered", "changed"])
        leader.matches[3] = 500
        yield* admin.promote(name(4))
        assert.deepStrictEqual(leader.steps, ["registered", "changed", "changed"])
        const [first, second] = leader.asked
        const { incarnation, nodeName } = member(4)
        assert.deepInclude(first, { nodeName, incarnation, memberId: undefined })
        assert.deepInclude(second, { nodeName, incarnation, memberId: 3 as MemberId })
        assert.isTrue(leader.terms.every((term) => term === 1))
      })
    )
  )

  it.effect("adds and promotes nobody who cannot take part, or has no writer id", () =>
    withLeader((leader, admin) =>
      Effect.gen(function* () {
        leader.encrypt()
        assert.strictEqual((yield* Effect.flip(admin.add(without)))._tag, notCapable)
        leader.incapable = { _tag: "KeyNotHeld", keyIds: [7] }
        const refused = yield* Effect.flip(admin.add(withKek))
        assert.strictEqual(refused._tag, notCapable)
        assert.match(refused.message, /n4 cannot take part: its KEK does not unwrap the keys 7;/)
        leader.incapable = undefined
        leader.registration = { _tag: "WriterIdsExhausted" }
        assert.strictEqual((yield* Effect.flip(admin.add(withKek)))._tag, "PeerNotRegistered")
        assert.strictEqual(leader.changes, 0)

        leader.registration = undefined
        yield* admin.add(withKek)
        leader.matches[3] = 500
        leader.incapable = { _tag: "Unreachable", detail: "silent" }
        assert.strictEqual((yield* Effect.flip(admin.promote(name(4))))._tag, notCapable)
        assert.strictEqual(leader.changes, 1)
      })
    )
  )

  it.effect("decides again once it has asked: somebody may be gone", () =>
    withLeader((leader, admin) =>
      Effect.gen(function* () {
        leader.encrypt()
        yield* admin.add(withKek)
        leader.matches[3] = 500
        leader.whenAsked = () => {
          const { change } = Result.getOrThrow(
            Administration.remove(
              {
                members: leader.members,
                isReachable: () => true
              } as unknown as Administration.Facts,
              name(4)
            )
          )
          leader.members = Members.apply(leader.members, change).members
        }
        assert.strictEqual((yield* Effect.flip(admin.promote(name(4))))._tag, "MemberUnknown")
        assert.strictEqual(leader.changes, 1)
      })
    )
  )
})
