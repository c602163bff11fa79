/**
 * SPEC §13, §15, §16: what a member is once the marker is behind it, whichever way it came there; and
 * when the next leader takes requests in.
 */
import { assert, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { LogIndex, NodeName } from "../../src/domain/Ids.ts"
import * as ProposalEnvelope from "../../src/domain/log/ProposalEnvelope.ts"
import * as Members from "../../src/domain/members/Members.ts"
import type { Entry } from "../../src/domain/raft/Entry.ts"
import type { Step } from "../../src/domain/raft/MembershipChange.ts"
import type { Message } from "../../src/domain/raft/Message.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { WrapFlag } from "../../src/services/WrapFlag.ts"
import { settled, start } from "../support/Fibers.ts"
import { elected, founders, inTime, until } from "../support/FrontedCluster.ts"
import type { MemoryCluster, MemoryClusterOptions } from "../support/MemoryCluster.ts"
import { cutOver, enableStorage, entriesOf, get, put } from "../support/NodeCalls.ts"
import { isMarker } from "../support/StagedNode.ts"

type Fronted = Effect.Success<ReturnType<typeof phase1>>

const phase1 = Effect.fnUntraced(function* (settings: MemoryClusterOptions["settings"] = {}) {
  const fronted = yield* elected({ settings })
  yield* inTime(fronted.at(fronted.leader, enableStorage))
  return fronted
})

const isolate = (cluster: MemoryCluster, name: string) => {
  const id = cluster.memberId(name)
  const { fate } = cluster.network
  cluster.network.fate = (message) =>
    message.from === id || message.to === id ? [] : fate(message)
}

const heal = (cluster: MemoryCluster) => {
  cluster.network.fate = () => [0]
}

const isFlagSet = (cluster: MemoryCluster, name: string): boolean =>
  Effect.runSync(
    cluster.on(
      name,
      Effect.map(WrapFlag, (flag) => flag.isSet())
    )
  )

const appliedIndex = (cluster: MemoryCluster, name: string) => cluster.applier(name).position.index

const cutoverIndexOf = (cluster: MemoryCluster, name: string) =>
  cluster.applier(name).sidecar.raftEnvelopeCutoverIndex

/** One step of a change of the members, by the leader. */
const change = ({ cluster, leader }: Fronted, name: string, action: Step["action"]) =>
  Effect.suspend(() => {
    const { members } = cluster.applier(leader)
    const id = Members.memberOf(members, name as NodeName)?.id ?? members.nextMemberId
    const described = id === members.nextMemberId ? [cluster.described(name, id)] : []
    return cluster
      .engine(leader)
      .changeMembership(
        Members.changeOf({ transition: "auto", steps: [{ action, member: id }] }, described)
      )
  })

/** A fourth node, as a learner that has nothing yet. */
const learner = Effect.fnUntraced(function* (fronted: Fronted) {
  const { cluster } = fronted
  const opening = yield* start(cluster.start("n4"))
  yield* until(() => cluster.introductionOf("n4") !== undefined)
  yield* inTime(change(fronted, "n4", "addLearner"))
  yield* until(() => opening.pollUnsafe() !== undefined)
  return "n4"
})

/** Leads, and what it is given then is in its log as ciphertext, and readable everywhere. */
const assertServesSealed = Effect.fnUntraced(function* (fronted: Fronted, name: string) {
  const { cluster, leader } = fronted
  assert.isTrue(isFlagSet(cluster, name), "before it leads")
  yield* inTime(cluster.engine(leader).transferLeadership(cluster.memberId(name)))
  yield* until(() => cluster.readyLeader() === name)
  const since = cluster.engine(name).status().lastIndex
  const canary = "canary-of-the-next-leader"
  yield* inTime(Effect.retry(cluster.on(name, put("next", canary)), { times: 100 }))
  const written = (yield* cluster.on(name, entriesAfter(since))).filter(
    ({ kind }) => kind === "normal"
  )
  assert.strictEqual(written.length, 1)
  assert.isFalse(Buffer.from(written[0]!.data).includes(canary))
  const { raft } = cluster.applier(name).sidecar.active
  assert.strictEqual(keyIdOf(written[0]!), raft)
  for (const reader of cluster.openNames) {
    yield* until(() => appliedIndex(cluster, reader) >= written[0]!.index)
    assert.strictEqual(yield* cluster.on(reader, get("next", { stale: true })), canary)
  }
})

/** Of a log that may have forgotten what is before. */
const entriesAfter = (index: LogIndex) =>
  Effect.map(RaftLogStore, ({ reader }) =>
    reader.entries((index + 1) as LogIndex, (reader.lastIndex() + 1) as LogIndex, 1 << 20)
  )

/** Of the raft envelope in a proposal envelope: version, flag, key id. */
const keyIdOf = ({ data }: Entry): number =>
  Buffer.from(ProposalEnvelope.bodyOf(data)!).readUInt32BE(2)

/** As much as is durable. */
const compacting = { compactionEntries: 0, compactionTailEntries: 0 }

/** How the log that others hold looks when the member comes back. */
const ways = [
  { way: "by entries", settings: {}, after: 3, ceiling: undefined },
  { way: "by a snapshot above it", settings: compacting, after: 12, ceiling: "above" },
  { way: "by a snapshot exactly at it", settings: compacting, after: 0, ceiling: "at" }
] as const

const who = ["a follower that was away", "a learner that was away"] as const

describe("a member that crosses the marker", () => {
  for (const { after, ceiling, settings, way } of ways) {
    it.effect.each(who)(`${way}: %s`, (role) =>
      Effect.gen(function* () {
        const fronted = yield* phase1(settings)
        const { at, cluster, followers, leader } = fronted
        const isLearner = role === "a learner that was away"
        const away = isLearner ? yield* learner(fronted) : followers[1]
        isolate(cluster, away)
        const { cutoverIndex } = yield* inTime(at(followers[0], cutOver))
        for (let write = 0; write < after; write++) {
          yield* inTime(at(leader, put(`k${write}`, "sealed")))
        }
        if (ceiling !== undefined) {
          // A log forgets only what the state holds durably.
          cluster.disk(leader).flush()
          const first = () => cluster.engine(leader).status().firstIndex
          yield* until(() =>
            ceiling === "at" ? first() === cutoverIndex + 1 : first() > cutoverIndex + 1
          )
        }
        assert.isFalse(isFlagSet(cluster, away))
        heal(cluster)
        yield* until(() => appliedIndex(cluster, away) >= appliedIndex(cluster, leader))
        assert.strictEqual(cutoverIndexOf(cluster, away), cutoverIndex)
        const { firstIndex } = cluster.engine(away).status()
        if (ceiling === "at") assert.strictEqual(firstIndex, cutoverIndex + 1)
        if (ceiling === "above") assert.isAbove(firstIndex, cutoverIndex + 1)
        if (ceiling === undefined) assert.isAtMost(firstIndex, cutoverIndex)
        if (isLearner) yield* inTime(change(fronted, away, "addVoter"))
        yield* assertServesSealed(fronted, away)
      })
    )
  }
})

const carries = (message: Message, isOne: (entry: Entry) => boolean): boolean =>
  message._tag === "Append" && message.entries.some(isOne)

/** The next leader has the marker from the one that is lost, and cannot commit what `isHeld` says. */
const withNextLeader = Effect.fnUntraced(function* (isHeld: (entry: Entry) => boolean) {
  const fronted = yield* phase1()
  const { at, cluster, followers, leader } = fronted
  const [next, third] = followers
  const leaderId = cluster.memberId(leader)
  const nextId = cluster.memberId(next)
  const index = (cluster.engine(leader).status().lastIndex + 1) as LogIndex
  cluster.network.fate = (message) => {
    if (message.from === leaderId && message.to !== nextId && carries(message, isMarker)) return []
    return message._tag === "AppendResponse" && message.to === leaderId ? [] : [0]
  }
  const caller = yield* start(Effect.result(at(leader, cutOver)))
  yield* until(() => cluster.engine(next).status().lastIndex >= index)
  cluster.network.fate = (message) =>
    message.from === nextId && carries(message, isHeld) ? [] : [0]
  isolate(cluster, leader)
  yield* until(() => cluster.engine(next).status().role === "Leader")
  return { ...fronted, next, third, index, caller }
})

describe("the next leader", () => {
  it.effect("takes nothing in before its noop is applied, and with it the marker", () =>
    Effect.gen(function* () {
      const noopOfAnother = ({ kind, term }: Entry) => kind === "noop" && term > 2
      const { at, caller, cluster, index, next, third } = yield* withNextLeader(noopOfAnother)
      expect(cluster.engine(next).intake()).toMatchObject({
        reason: { _tag: "LeaderNotReady", awaits: "noop" }
      })
      const raw = yield* Effect.flip(cluster.on(next, put("raw", "1")))
      expect(raw).toMatchObject({ _tag: "LeaderNotReady", awaits: "noop" })
      assert.strictEqual(cutoverIndexOf(cluster, next), 0)
      const writing = yield* start(at(third, put("held", "1")))
      const { fate } = cluster.network
      cluster.network.fate = (message) => {
        // In the turn in which requests may come in, the flag tells the truth.
        const isOpen = cluster.engine(next).intake()._tag === "Open"
        if (isOpen) assert.strictEqual(cutoverIndexOf(cluster, next), index)
        if (isOpen) assert.isTrue(isFlagSet(cluster, next))
        return message.from === cluster.memberId(next) ? [0] : fate(message)
      }
      yield* until(() => writing.pollUnsafe() !== undefined)
      yield* Fiber.join(writing)
      assert.strictEqual(cluster.readyLeader(), next)
      heal(cluster)
      yield* until(() => caller.pollUnsafe() !== undefined)
      for (const name of founders) {
        yield* until(() => cutoverIndexOf(cluster, name) === index)
        assert.isTrue(isFlagSet(cluster, name), name)
      }
    })
  )

  it.effect("seals nothing before its registration is applied", () =>
    Effect.gen(function* () {
      const registration = ({ kind, term }: Entry) => kind === "registration" && term > 2
      const { at, cluster, index, next, third } = yield* withNextLeader(registration)
      yield* until(() => cluster.engine(next).intake()._tag === "Open")
      assert.strictEqual(cutoverIndexOf(cluster, next), index)
      const before = cluster.engine(next).status().lastIndex
      const raw = yield* Effect.flip(cluster.on(next, put("raw", "1")))
      expect(raw).toMatchObject({ _tag: "LeaderNotReady", awaits: "registration" })
      const writing = yield* start(at(third, put("held", "1")))
      yield* settled
      assert.strictEqual(cluster.engine(next).status().lastIndex, before, "nothing was sealed")
      heal(cluster)
      yield* until(() => writing.pollUnsafe() !== undefined)
      yield* Fiber.join(writing)
      const kinds = (yield* cluster.on(next, entriesOf)).map(({ kind }) => kind)
      assert.isBelow(kinds.lastIndexOf("registration"), kinds.lastIndexOf("normal"))
    })
  )
})
