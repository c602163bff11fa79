/** SPEC §15: which changes of the cluster are made, and what is said of those that are not. */
import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { Endpoint } from "../../../src/domain/api/Endpoint.ts"
import type { Incarnation, LogIndex, MemberId, NodeName } from "../../../src/domain/Ids.ts"
import * as Administration from "../../../src/domain/members/Administration.ts"
import type { Member } from "../../../src/domain/members/Member.ts"
import * as Members from "../../../src/domain/members/Members.ts"
import type { Introduction } from "../../../src/domain/peer/Introduction.ts"

const name = (text: string) => text as NodeName
const address = (port: number): Endpoint => ({ host: "127.0.0.1", port })
const incarnation = (number: number) => String(number).padStart(32, "0") as Incarnation

const member = (number: number): Member => ({
  id: number as MemberId,
  nodeName: name(`n${number}`),
  incarnation: incarnation(number),
  address: address(7000 + number)
})

const voters = (...numbers: ReadonlyArray<number>): Members.Members =>
  Members.founding(numbers.map(member)).reduce(
    (members, step) => Members.apply(members, step).members,
    Members.empty
  )

const withLearner = (members: Members.Members, number: number): Members.Members => {
  const id = number as MemberId
  const change = Members.changeOf(
    { transition: "auto", steps: [{ action: "addLearner", member: id }] },
    [member(number)]
  )
  return Members.apply(members, change).members
}

const facts = (
  members: Members.Members,
  known: {
    readonly reachable?: ReadonlyArray<number>
    readonly matches?: Readonly<Record<number, number>>
    readonly isEncrypted?: boolean
  } = {}
): Administration.Facts => ({
  members,
  self: 1 as MemberId,
  commit: 1_000 as LogIndex,
  matchOf: (id) => known.matches?.[id] as LogIndex | undefined,
  isReachable: (id) => known.reachable?.includes(id) ?? true,
  isEncrypted: known.isEncrypted ?? false,
  lagMax: 100
})

const introduced = (number: number, fields: Partial<Introduction> = {}): Introduction => ({
  nodeName: name(`n${number}`),
  incarnation: incarnation(number),
  address: address(7000 + number),
  listDigest: undefined,
  hasKek: false,
  softwareVersion: "0",
  ...fields
})

const newcomer = (
  number: number,
  introduction: Introduction | undefined = introduced(number)
): Administration.Newcomer => ({
  nodeName: name(`n${number}`),
  address: address(7000 + number),
  introduction
})

/** Applies what is proposed to the members it was decided for; the state must not refuse it. */
const applied = (from: Members.Members, decided: Result.Result<Administration.Step, unknown>) => {
  const step = Result.getOrThrow(decided)
  if (step._tag === "Done") return "done"
  const { members, outcome } = Members.apply(from, step.change)
  expect(outcome._tag).toBe("Changed")
  const { learners, voters: left } = members.configuration
  return { voters: left, learners }
}

const refusal = (decided: Result.Result<unknown, Error & { readonly _tag: string }>) => {
  const error = Result.getOrThrow(Result.flip(decided))
  return `${error._tag}: ${error.message}`
}

describe("adding a member", () => {
  it("lets in, as a learner under a new number, a node that has introduced itself", () => {
    const members = voters(1, 2)
    const decided = Administration.add(facts(members), newcomer(3))
    expect(applied(members, decided)).toEqual({ voters: [1, 2], learners: [3] })
  })

  it("is done when that node is a member already, heard of lately or not", () => {
    const members = voters(1, 2)
    expect(applied(members, Administration.add(facts(members), newcomer(2)))).toBe("done")
    const silent: Administration.Newcomer = { ...newcomer(2), introduction: undefined }
    expect(applied(members, Administration.add(facts(members), silent))).toBe("done")
  })

  it("refuses a wiped directory under its old name, and says how it comes back", () => {
    const wiped = newcomer(2, introduced(2, { incarnation: incarnation(99) }))
    const told = refusal(Administration.add(facts(voters(1, 2)), wiped))
    expect(told).toMatch(/^MemberNameTaken: .*wiped.*`member remove n2` first, then add it/)
  })

  it("refuses a name, or an address, that another member has", () => {
    const moved = { ...newcomer(2), address: address(9_999) }
    expect(refusal(Administration.add(facts(voters(1, 2)), moved))).toMatch(
      /^MemberNameTaken: .*another address/
    )
    const neighbour = { ...newcomer(3), address: address(7_002) }
    expect(refusal(Administration.add(facts(voters(1, 2)), neighbour))).toMatch(
      /^MemberAddressTaken: 127\.0\.0\.1:7002 is the address of member n2/
    )
  })

  it("refuses a node that nobody has heard of, and one that says it is elsewhere", () => {
    const unknown: Administration.Newcomer = { ...newcomer(3), introduction: undefined }
    expect(refusal(Administration.add(facts(voters(1)), unknown))).toMatch(
      /^NodeNotIntroduced: .*serve --name n3 --join/
    )
    const elsewhere = newcomer(3, introduced(3, { address: address(8_003) }))
    expect(refusal(Administration.add(facts(voters(1)), elsewhere))).toMatch(
      /^NodeAtAnotherAddress: .*127\.0\.0\.1:8003, not at 127\.0\.0\.1:7003/
    )
  })

  it("refuses a node without a key where the cluster is encrypted", () => {
    const encrypted = facts(voters(1), { isEncrypted: true })
    expect(refusal(Administration.add(encrypted, newcomer(3)))).toMatch(
      /^PeerNotEncryptionCapable: .*--kek-file/
    )
    const withKek = newcomer(3, introduced(3, { hasKek: true }))
    expect(Result.isSuccess(Administration.add(encrypted, withKek))).toBe(true)
  })
})

describe("promoting a learner", () => {
  const members = withLearner(voters(1, 2), 3)

  it("gives it its vote once it lacks little", () => {
    const caughtUp = facts(members, { matches: { 3: 900 } })
    expect(applied(members, Administration.promote(caughtUp, name("n3")))).toEqual({
      voters: [1, 2, 3],
      learners: []
    })
  })

  it("refuses one that lags, and says by how much", () => {
    const lagging = facts(members, { matches: { 3: 899 } })
    expect(refusal(Administration.promote(lagging, name("n3")))).toMatch(
      /^LearnerLagging: n3 is a learner and lacks 101 entries \(at most 100/
    )
    expect(refusal(Administration.promote(facts(members), name("n3")))).toMatch(/lacks 1000 /)
  })

  it("refuses a voter, and a name that nobody has", () => {
    expect(refusal(Administration.promote(facts(members), name("n2")))).toMatch(/^NotALearner: n2/)
    expect(refusal(Administration.promote(facts(members), name("n9")))).toMatch(
      /^MemberUnknown: .*the members are n1, n2, n3/
    )
  })
})

describe("promoting who is being added", () => {
  const members = withLearner(voters(1, 2), 3)
  const added = members.byId.get(3 as MemberId)!

  it("is done once somebody else has given it its vote", () => {
    const promoted = Members.apply(members, {
      transition: "auto",
      steps: [{ action: "addVoter", member: added.id }],
      context: new Uint8Array(0)
    })
    expect(Administration.promoteAdded(facts(promoted.members), added)).toEqual(
      Result.succeed({ _tag: "Done", member: added })
    )
  })

  it("is what it is for an operator as long as it is a learner, or a member no more", () => {
    const lagging = facts(members, { matches: { 3: 899 } })
    expect(refusal(Administration.promoteAdded(lagging, added))).toMatch(/^LearnerLagging: n3/)
    const removed = facts(voters(1, 2))
    expect(refusal(Administration.promoteAdded(removed, added))).toMatch(/^MemberUnknown: .*n3/)
    const caughtUp = facts(members, { matches: { 3: 900 } })
    expect(applied(members, Administration.promoteAdded(caughtUp, added))).toEqual({
      voters: [1, 2, 3],
      learners: []
    })
  })
})

describe("removing a member", () => {
  it("takes a voter or a learner out", () => {
    const members = withLearner(voters(1, 2), 3)
    const remove = (of: string) => applied(members, Administration.remove(facts(members), name(of)))
    expect(remove("n2")).toEqual({ voters: [1], learners: [3] })
    expect(remove("n3")).toEqual({ voters: [1, 2], learners: [] })
    expect(remove("n1"), "the leader itself").toEqual({ voters: [2], learners: [3] })
  })

  it("never takes the last voter", () => {
    const members = withLearner(voters(1), 2)
    expect(refusal(Administration.remove(facts(members), name("n1")))).toMatch(/^LastVoter: n1/)
  })

  it("takes one that is down, and none whose loss would leave no majority in reach", () => {
    const members = voters(1, 2, 3)
    const oneIsDown = facts(members, { reachable: [2] })
    expect(applied(members, Administration.remove(oneIsDown, name("n3")))).toEqual({
      voters: [1, 2],
      learners: []
    })
    expect(refusal(Administration.remove(oneIsDown, name("n2")))).toMatch(
      /^QuorumWouldBeLost: without n2 there would be 2 voters, of which only 1 can be reached/
    )
  })
})

describe("handing the leadership over", () => {
  it("goes to voters only", () => {
    const members = withLearner(voters(1, 2), 3)
    const to = (text: string) => Administration.transferee(facts(members), name(text))
    expect(Result.getOrThrow(to("n2"))).toEqual(member(2))
    expect(refusal(to("n3"))).toMatch(/^NotAVoter: n3/)
    expect(refusal(to("n9"))).toMatch(/^MemberUnknown/)
  })
})
