import { describe, expect, it } from "vitest"
import type { MemberId } from "../../../src/domain/Ids.ts"
import * as Membership from "../../../src/domain/raft/Membership.ts"
import * as MembershipChange from "../../../src/domain/raft/MembershipChange.ts"
import { member, members } from "./support/Fixture.ts"
import * as Random from "./support/Random.ts"

const step = (action: MembershipChange.Step["action"], id: number): MembershipChange.Step => ({
  action,
  member: member(id)
})

function changed(result: MembershipChange.Changed): Membership.Membership {
  if (result._tag === "Refused") throw new Error(result.reason)
  return result.membership
}

const randomSteps = (random: Random.Random): ReadonlyArray<MembershipChange.Step> =>
  Array.from({ length: random.between(0, 6) }, () =>
    step(random.pick(["addVoter", "addLearner", "remove", "update"] as const), random.between(1, 7))
  )

const randomMembership = (random: Random.Random): Membership.Membership => {
  const ids = random.shuffled(members(1, 2, 3, 4, 5, 6))
  const voters = random.between(1, 5)
  return Membership.make(ids.slice(0, voters), ids.slice(voters, random.between(voters, 7)))
}

function expectSound(membership: Membership.Membership, at: string): void {
  const { autoLeave, learners, learnersNext, voters, votersOutgoing } = membership
  for (const list of [voters, votersOutgoing, learners, learnersNext]) {
    expect(list, at).toEqual(Membership.sorted(list))
  }
  for (const id of learners) expect(Membership.isVoter(membership, id), at).toBe(false)
  for (const id of learnersNext) {
    expect(votersOutgoing.includes(id) && !voters.includes(id), at).toBe(true)
  }
  expect(voters.length, at).toBeGreaterThan(0)
  if (votersOutgoing.length > 0) return
  expect([learnersNext, autoLeave], at).toEqual([[], false])
}

/** The model of a change without halves: who is what after these steps. */
function model(
  before: Membership.Membership,
  steps: ReadonlyArray<MembershipChange.Step>
): ReadonlyMap<MemberId, "voter" | "learner"> {
  const roles = new Map<MemberId, "voter" | "learner">()
  for (const id of before.voters) roles.set(id, "voter")
  for (const id of before.learners) roles.set(id, "learner")
  for (const { action, member } of steps) {
    if (action === "addVoter") roles.set(member, "voter")
    if (action === "addLearner") roles.set(member, "learner")
    if (action === "remove") roles.delete(member)
  }
  return roles
}

const rolesOf = ({ learners, voters }: Membership.Membership) =>
  new Map([
    ...voters.map((id) => [id, "voter"] as const),
    ...learners.map((id) => [id, "learner"] as const)
  ])

const byId = (roles: ReadonlyMap<MemberId, string>) => [...roles].sort(([a], [b]) => a - b)

describe("a change through a joint configuration", () => {
  it("ends where its steps lead, and keeps every rule on the way", () => {
    for (let seed = 0; seed < 2000; seed++) {
      const random = Random.make(seed)
      const before = randomMembership(random)
      const steps = randomSteps(random)
      const expected = model(before, steps)
      const joint = MembershipChange.enterJoint(before, steps, { autoLeave: random.chance(0.5) })
      if (joint._tag === "Refused") {
        expect(joint.reason).toBe("allVotersRemoved")
        expect([...expected.values()]).not.toContain("voter")
        continue
      }
      expectSound(joint.membership, `seed ${seed}`)
      expect(joint.membership.votersOutgoing).toEqual(before.voters)
      const after = changed(MembershipChange.leaveJoint(joint.membership))
      expectSound(after, `seed ${seed}`)
      expect(byId(rolesOf(after)), `seed ${seed}`).toEqual(byId(expected))
    }
  })
})

describe("a simple change", () => {
  it("is what a joint one would end in, if it changes at most one voter", () => {
    for (let seed = 0; seed < 2000; seed++) {
      const random = Random.make(seed)
      const before = randomMembership(random)
      const steps = randomSteps(random)
      const expected = model(before, steps)
      const voters = [...expected].filter(([, role]) => role === "voter").map(([id]) => id)
      const moved = new Set([...before.voters, ...voters])
      for (const id of before.voters) if (voters.includes(id)) moved.delete(id)
      const simple = MembershipChange.simple(before, steps)
      const reason =
        voters.length === 0
          ? "allVotersRemoved"
          : moved.size > 1
            ? "tooManyVotersChanged"
            : undefined
      if (reason === undefined) {
        expectSound(changed(simple), `seed ${seed}`)
        expect(byId(rolesOf(changed(simple))), `seed ${seed}`).toEqual(byId(expected))
      } else {
        expect(simple, `seed ${seed}`).toEqual({ _tag: "Refused", reason })
      }
    }
  })

  it("keeps a majority in common with the configuration before it", () => {
    const before = Membership.make(members(1, 2, 3))
    const two = [step("remove", 1), step("addVoter", 4)]
    expect(MembershipChange.simple(before, two)).toMatchObject({ reason: "tooManyVotersChanged" })
  })
})

describe("apply", () => {
  const before = Membership.make(members(1, 2, 3))
  const context = new Uint8Array(0)
  const apply = (transition: MembershipChange.Transition, ...steps: Array<MembershipChange.Step>) =>
    MembershipChange.apply(before, { transition, steps, context })

  it("goes through a joint configuration if asked to, or if there are several steps", () => {
    const one = step("addVoter", 4)
    expect(changed(apply("auto", one))).toEqual(Membership.make(members(1, 2, 3, 4)))
    expect(changed(apply("implicit", one))).toMatchObject({
      votersOutgoing: [1, 2, 3],
      autoLeave: true
    })
    expect(changed(apply("explicit", one))).toMatchObject({
      votersOutgoing: [1, 2, 3],
      autoLeave: false
    })
    expect(changed(apply("auto", one, step("addLearner", 5)))).toMatchObject({
      votersOutgoing: [1, 2, 3],
      autoLeave: true
    })
  })

  it("leaves a joint configuration, and only that", () => {
    const joint = changed(apply("explicit", step("remove", 3)))
    const left = MembershipChange.apply(joint, MembershipChange.leaving)
    expect(changed(left)).toEqual(Membership.make(members(1, 2)))
    expect(apply("auto")).toMatchObject({ reason: "notJoint" })
    const again = { transition: "implicit", steps: [step("addVoter", 9)], context } as const
    expect(MembershipChange.apply(joint, again)).toMatchObject({ reason: "alreadyJoint" })
  })

  it("turns a voter into a learner only when the half that counts it is left", () => {
    const joint = changed(apply("explicit", step("addLearner", 3)))
    expect(joint).toMatchObject({ voters: [1, 2], learners: [], learnersNext: [3] })
    const left = MembershipChange.apply(joint, MembershipChange.leaving)
    expect(changed(left)).toMatchObject({ voters: [1, 2], learners: [3], learnersNext: [] })
  })

  it("forgets what was known of a member that is removed and added", () => {
    const again = [step("remove", 3), step("addVoter", 3)]
    expect(MembershipChange.simple(before, again)).toMatchObject({ joined: [3] })
    const joint = MembershipChange.enterJoint(before, again, { autoLeave: true })
    expect(joint).toMatchObject({ joined: [] })
  })

  it("passes over a step that was struck out", () => {
    expect(changed(apply("auto", step("remove", 0)))).toEqual(before)
  })
})

describe("the entry", () => {
  it("is decoded to what was encoded", () => {
    for (let seed = 0; seed < 200; seed++) {
      const random = Random.make(seed)
      const change: MembershipChange.MembershipChange = {
        transition: random.pick(["auto", "implicit", "explicit"] as const),
        steps: [...randomSteps(random), step("addVoter", 2 ** 53 - 1)],
        context: Uint8Array.from({ length: random.between(0, 9) }, () => random.between(0, 256))
      }
      expect(MembershipChange.decode(MembershipChange.encode(change))).toEqual(change)
    }
  })

  it("is empty where it only leaves a joint configuration", () => {
    expect(MembershipChange.encode(MembershipChange.leaving)).toHaveLength(0)
    expect(MembershipChange.decode(new Uint8Array(0))).toEqual(MembershipChange.leaving)
    expect(MembershipChange.decode(Buffer.of(1, 0, 0, 0)), "another spelling").toBeUndefined()
    const told = { ...MembershipChange.leaving, context: Uint8Array.of(7) }
    expect(MembershipChange.decode(MembershipChange.encode(told))).toEqual(told)
  })

  it("has a fixed layout", () => {
    const bytes = MembershipChange.encode({
      transition: "implicit",
      steps: [step("addVoter", 1), step("remove", 258)],
      context: Uint8Array.of(0xaa)
    })
    expect(Buffer.from(bytes).toString("hex")).toBe(
      ["01", "01", "0002", "00", "0000000000000001", "02", "0000000000000102", "aa"].join("")
    )
  })

  it("is refused if it is cut off, of another version, or names what there is not", () => {
    const good = MembershipChange.encode({
      transition: "auto",
      steps: [step("addVoter", 1)],
      context: new Uint8Array(0)
    })
    for (let length = 1; length < good.length; length++) {
      expect(MembershipChange.decode(good.slice(0, length)), `${length}`).toBeUndefined()
    }
    for (const [offset, value] of [
      [0, 2],
      [1, 3],
      [4, 4],
      [5, 255]
    ] as const) {
      const bad = good.slice()
      bad[offset] = value
      expect(MembershipChange.decode(bad), `${offset}`).toBeUndefined()
    }
  })
})
