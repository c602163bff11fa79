import { describe, expect, it } from "@effect/vitest"
import type { Endpoint } from "../../../src/domain/api/Endpoint.ts"
import type { Incarnation, MemberId, NodeName } from "../../../src/domain/Ids.ts"
import type { Member } from "../../../src/domain/members/Member.ts"
import * as Members from "../../../src/domain/members/Members.ts"
import * as Membership from "../../../src/domain/raft/Membership.ts"
import * as MembershipChange from "../../../src/domain/raft/MembershipChange.ts"
import { seededNumbers } from "../../support/SeededNumbers.ts"

const id = (number: number) => number as MemberId
const address = (port: number): Endpoint => ({ host: "127.0.0.1", port })

const member = (number: number, fields: Partial<Member> = {}): Member => ({
  id: id(number),
  nodeName: `n${number}` as NodeName,
  incarnation: String(number).padStart(32, "0") as Incarnation,
  address: address(7000 + number),
  ...fields
})

type Action = MembershipChange.Step["action"]

const change = (action: Action, number: number, described: ReadonlyArray<Member> = []) =>
  Members.changeOf({ transition: "auto", steps: [{ action, member: id(number) }] }, described)

const founded = (...numbers: ReadonlyArray<number>): Members.Members =>
  Members.founding(numbers.map((number) => member(number))).reduce(
    (members, step) => Members.apply(members, step).members,
    Members.empty
  )

describe("the members of a group", () => {
  it("are founded one after the other, all as voters", () => {
    const members = founded(1, 2, 3)
    expect(members.configuration).toEqual(Membership.make([id(1), id(2), id(3)]))
    expect([...members.byId.values()]).toEqual([member(1), member(2), member(3)])
    expect(members.nextMemberId).toBe(4)
  })

  it("are learners first, then voters, then gone; their number is never given again", () => {
    const added = Members.apply(founded(1, 2), change("addLearner", 3, [member(3)]))
    expect(added.outcome).toEqual({
      _tag: "Changed",
      configuration: Membership.make([id(1), id(2)], [id(3)])
    })
    const promoted = Members.apply(added.members, change("addVoter", 3)).members
    expect(promoted.byId.get(id(3))).toEqual(member(3))
    const removed = Members.apply(promoted, change("remove", 3)).members
    expect([...removed.byId.keys()]).toEqual([1, 2])
    expect(removed.nextMemberId).toBe(4)
    const again = Members.apply(removed, change("addLearner", 3, [member(3)]))
    expect(again.outcome).toEqual({ _tag: "Refused", reason: "memberIdUsed" })
    expect(again.members).toBe(removed)
  })

  it("move, and stay who they are", () => {
    const members = founded(1, 2)
    const moved = member(2, { address: address(9999) })
    const { members: after } = Members.apply(members, change("update", 2, [moved]))
    expect(after.byId.get(id(2))).toEqual(moved)
    expect(after.configuration).toEqual(members.configuration)
    for (const other of [
      member(2, { nodeName: "x" as NodeName }),
      member(2, { incarnation: "f".repeat(32) as Incarnation })
    ]) {
      const refused = Members.apply(members, change("update", 2, [other]))
      expect(refused.outcome).toEqual({ _tag: "Refused", reason: "memberTaken" })
    }
  })

  it("are refused, and nothing changes, where a change contradicts what is known", () => {
    const members = founded(1, 2)
    const wiped = member(3, { nodeName: "n2" as NodeName })
    const cloned = member(3, { incarnation: member(1).incarnation })
    for (const [refused, reason] of [
      [change("addVoter", 3), "memberNotDescribed"],
      [change("addVoter", 3, [member(4)]), "memberNotDescribed"],
      [change("update", 3, [member(3)]), "memberNotDescribed"],
      [change("update", 2), "memberNotDescribed"],
      [change("addLearner", 3, [wiped]), "memberTaken"],
      [change("addLearner", 3, [cloned]), "memberTaken"],
      [{ ...change("addVoter", 3), context: Buffer.from([1, 0]) }, "malformedContext"],
      [MembershipChange.leaving, "notJoint"],
      [
        Members.changeOf(
          {
            transition: "auto",
            steps: [1, 2].map((member) => ({ action: "remove", member: id(member) }))
          },
          []
        ),
        "allVotersRemoved"
      ]
    ] as const) {
      const after = Members.apply(members, refused)
      expect(after.outcome).toEqual({ _tag: "Refused", reason })
      expect(after.members).toBe(members)
      const core = Members.effective(MembershipChange.encode(refused), after.outcome)
      expect(core, "the core makes nothing of it").toBeUndefined()
    }
  })

  it("keep their invariants, and the core's configuration, under 3,000 random changes", () => {
    const numbers = seededNumbers(5)
    const actions: ReadonlyArray<Action> = ["addVoter", "addLearner", "remove", "update"]
    let members = founded(1)
    let core = members.configuration
    let refusals = 0
    for (let round = 0; round < 3_000; round++) {
      const steps = Array.from({ length: 1 + numbers.below(2) }, () => ({
        action: actions[numbers.below(4)]!,
        member: id(numbers.below(members.nextMemberId + 2))
      }))
      const described = [...new Set(steps.map((step) => step.member))]
        .filter((number) => number > 0 && numbers.below(4) > 0)
        .map((number) => members.byId.get(number) ?? member(number))
      const isLeaving = Membership.isJoint(members.configuration) && numbers.below(2) === 0
      const asked = isLeaving
        ? MembershipChange.leaving
        : Members.changeOf({ transition: "auto", steps }, described)
      const before = members
      const after = Members.apply(members, asked)
      const effective = Members.effective(MembershipChange.encode(asked), after.outcome)
      if (effective !== undefined) {
        const made = MembershipChange.apply(core, effective)
        if (made._tag === "Refused") return expect.unreachable(made.reason)
        core = made.membership
      }
      members = after.members
      if (after.outcome._tag === "Refused") refusals += 1
      expect(members.configuration).toEqual(core)
      expect([...members.byId.keys()]).toEqual(Membership.allMembers(members.configuration))
      expect(members.nextMemberId).toBeGreaterThanOrEqual(before.nextMemberId)
      const all = [...members.byId.values()]
      expect(new Set(all.map(({ nodeName }) => nodeName)).size).toBe(all.length)
      expect(all.every((one) => one.id < members.nextMemberId)).toBe(true)
    }
    expect(refusals).toBeGreaterThan(500)
    expect(refusals).toBeLessThan(2_900)
  })
})
