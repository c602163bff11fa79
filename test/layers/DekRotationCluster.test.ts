/**
 * SPEC §18, §20: DEKs rotated in a cluster of three: under load, with leaders that go, with members that
 * were away, and in a race with the marker.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { KeyId, LogIndex } from "../../src/domain/Ids.ts"
import type { Message } from "../../src/domain/raft/Message.ts"
import { EncryptionAdmin, type RotateRequest } from "../../src/services/EncryptionAdmin.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { settled, start } from "../support/Fibers.ts"
import { elected, founders, inTime, until } from "../support/FrontedCluster.ts"
import type { MemoryCluster } from "../support/MemoryCluster.ts"
import { cutOver, enableStorage, get, put } from "../support/NodeCalls.ts"
import { isMarker } from "../support/StagedNode.ts"

const purposes = ["storage", "raft"] as const

const rotate = (request: RotateRequest) =>
  Effect.flatMap(EncryptionAdmin, (admin) => admin.rotateDek(request))

type Elected = Effect.Success<ReturnType<typeof elected>>

/** As its leader has applied it. */
const sidecarOf = ({ cluster }: Elected) => cluster.applier(cluster.readyLeader()!).sidecar
const keysOf = (cluster: Elected, purpose: "storage" | "raft") =>
  sidecarOf(cluster).keys.filter((key) => key.purpose === purpose)

/** All have applied the same, and hold the same encryption state and the keys to it. */
const agree = ({ cluster }: Elected) =>
  Effect.gen(function* () {
    const applied = (name: string) => cluster.applier(name).position.index
    const leader = cluster.readyLeader()!
    yield* until(() => cluster.openNames.every((name) => applied(name) === applied(leader)))
    for (const name of cluster.openNames) {
      expect(cluster.applier(name).sidecar, name).toEqual(cluster.applier(leader).sidecar)
      expect(cluster.applier(name).registry, name).toEqual(cluster.applier(leader).registry)
    }
  })

const inPhase1 = Effect.fnUntraced(function* (options: Parameters<typeof elected>[0] = {}) {
  const all = yield* elected(options)
  yield* inTime(all.at(all.leader, enableStorage))
  yield* inTime(all.at(all.leader, put("plain", "0")))
  return all
})

const inPhase2 = Effect.fnUntraced(function* (options: Parameters<typeof elected>[0] = {}) {
  const all = yield* inPhase1(options)
  const { cutoverIndex } = yield* inTime(all.at(all.leader, cutOver))
  yield* inTime(all.at(all.leader, put("sealed", "1")))
  return { ...all, cutoverIndex }
})

/** From and to this node nothing comes through. */
const isolate = (cluster: MemoryCluster, name: string) => {
  const id = cluster.memberId(name)
  cluster.network.fate = ({ from, to }) => (from === id || to === id ? [] : [0])
}

const isAck = ({ _tag }: Message) => _tag === "AppendResponse"

/** Everything comes through, but what would tell a leader that an entry is durable elsewhere. */
const holdCommits = (cluster: MemoryCluster) => {
  cluster.network.fate = (message) => (isAck(message) ? [] : [0])
}

const heal = (cluster: MemoryCluster) => {
  cluster.network.fate = () => [0]
}

/** Of this node's log, from an index on. */
const entriesFrom = ({ cluster }: Elected, name: string, from: number) =>
  cluster.on(
    name,
    Effect.map(RaftLogStore, ({ reader }) =>
      reader.entries(from as LogIndex, (reader.lastIndex() + 1) as LogIndex, 1 << 30)
    )
  )

const lastIndex = (cluster: MemoryCluster, name: string) => cluster.engine(name).status().lastIndex

describe("online (SPEC §18)", () => {
  it.effect("through any node, under load at every node: nobody sees an error", () =>
    Effect.gen(function* () {
      const all = yield* inPhase2()
      const keys = (name: string) => Array.from({ length: 15 }, (_, at) => `${name}/${at}`)
      const writers = founders.map((name) =>
        Effect.forEach(keys(name), (key) => all.at(name, put(key, key)))
      )
      const operator = Effect.forEach([0, 1, 2, 3, 4, 5], (at) =>
        all.at(founders[at % 3]!, rotate({ purpose: purposes[at % 2]! }))
      )
      const [rotated] = yield* inTime(
        Effect.all([operator, ...writers], { concurrency: "unbounded" })
      )
      expect(rotated.every(({ wasAlreadyRotated }) => !wasAlreadyRotated)).toBe(true)
      expect([keysOf(all, "storage"), keysOf(all, "raft")]).toMatchObject([
        { length: 4 },
        { length: 4 }
      ])
      for (const name of founders) {
        for (const key of keys(name)) expect(yield* inTime(all.at("n1", get(key)))).toBe(key)
      }
      yield* agree(all)
    })
  )

  for (const [way, settings] of [
    ["entries", {}],
    ["a snapshot", { compactionEntries: 20, compactionTailEntries: 5 }]
  ] as const) {
    it.effect(`a member that was away catches up by ${way}, reads all, and leads`, () =>
      Effect.gen(function* () {
        const all = yield* inPhase2({ settings })
        const { at, cluster, followers, leader, serve, stop } = all
        const [away, other] = followers
        const before = lastIndex(cluster, away)
        yield* stop(away)
        const write = (name: string, round: string) =>
          Effect.forEach([..."abcdefghijklmnopqrst"], (key) => at(name, put(round + key, round)))
        for (const round of ["x", "y", "z"]) {
          for (const purpose of purposes) yield* inTime(at(other, rotate({ purpose })))
          yield* inTime(write(leader, round))
        }
        yield* inTime(cluster.start(away))
        yield* serve(away)
        yield* agree(all)
        const isBySnapshot = cluster.engine(away).status().firstIndex > before + 1
        expect(isBySnapshot).toBe(way === "a snapshot")
        const stale = (key: string) => at(away, get(key, { stale: true }))
        expect([yield* stale("plain"), yield* stale("sealed")]).toEqual(["0", "1"])
        for (const round of ["x", "y", "z"]) expect(yield* stale(`${round}t`)).toBe(round)

        yield* inTime(cluster.engine(leader).transferLeadership(cluster.memberId(away)))
        yield* until(() => cluster.readyLeader() === away)
        const index = lastIndex(cluster, away)
        yield* inTime(at(other, put("of the next", "2")))
        const { active } = cluster.applier(away).sidecar
        const written = (yield* entriesFrom(all, away, index + 1)).filter(
          ({ kind }) => kind === "normal"
        )
        expect(written.map(({ data }) => Buffer.from(data).readUInt32BE(11))).toEqual([active.raft])
        expect(yield* inTime(at(leader, get("of the next")))).toBe("2")
      })
    )
  }
})

describe("with a leader that goes (SPEC §18, §20)", () => {
  it.effect("appended where no quorum is: replaced, and the same key is rotated once", () =>
    Effect.gen(function* () {
      const all = yield* inPhase2()
      const { at, cluster, followers, leader } = all
      const replaces = sidecarOf(all).active.raft
      isolate(cluster, leader)
      const before = lastIndex(cluster, leader)
      const first = yield* start(at(leader, rotate({ purpose: "raft", replaces })))
      yield* settled
      expect(lastIndex(cluster, leader), "it is in one log").toBe(before + 1)
      yield* until(() => ![leader, undefined].includes(cluster.readyLeader()))
      const second = yield* inTime(at(followers[0], rotate({ purpose: "raft", replaces })))
      expect(second.wasAlreadyRotated).toBe(false)
      heal(cluster)
      expect(yield* inTime(Fiber.join(first))).toEqual({ ...second, wasAlreadyRotated: true })
      yield* inTime(at(followers[1], put("after", "2")))
      yield* agree(all)
      expect(
        keysOf(all, "raft")
          .map(({ id }) => id)
          .sort()
      ).toEqual([replaces, second.keyId].sort())
    })
  )

  it.effect("twice on a quorum, and nobody was told: both are, by the next leader, of one", () =>
    Effect.gen(function* () {
      const all = yield* inPhase2()
      const { at, cluster, crash, followers, leader } = all
      for (const purpose of purposes) {
        const replaces = sidecarOf(all).active[purpose]
        const led = cluster.readyLeader()!
        holdCommits(cluster)
        const before = lastIndex(cluster, led)
        const follower = [leader, ...followers].find((name) => name !== led)!
        const operators = yield* Effect.forEach([1, 2], () =>
          start(at(follower, rotate({ purpose, replaces })))
        )
        const has = (name: string) => lastIndex(cluster, name) === before + 2
        yield* until(() => cluster.openNames.every(has))
        expect(sidecarOf(all).active[purpose], "not committed").toBe(replaces)
        yield* crash(led)
        heal(cluster)
        for (const done of yield* inTime(Fiber.joinAll(operators))) {
          expect(done).toMatchObject({ replacedKeyId: replaces, index: before + 1 })
          expect(sidecarOf(all).active[purpose]).toBe(done.keyId)
        }
        expect(keysOf(all, purpose)).toHaveLength(2)
        yield* inTime(cluster.start(led))
        yield* all.serve(led)
        yield* inTime(at(follower, put("after", purpose)))
        yield* agree(all)
      }
    })
  )

  it.effect("that halts with it on a quorum: the key is named, and rotated once", () =>
    Effect.gen(function* () {
      const all = yield* inPhase2()
      const { at, cluster, followers, leader } = all
      const replaces = sidecarOf(all).active.raft
      holdCommits(cluster)
      const before = lastIndex(cluster, leader)
      const rotating = yield* start(Effect.flip(at(leader, rotate({ purpose: "raft" }))))
      yield* until(() => cluster.openNames.every((name) => lastIndex(cluster, name) > before))
      cluster.disk(leader).nextLogFault = new Error("EIO")
      yield* start(Effect.exit(at(leader, put("not written", "2"))))
      expect(yield* inTime(Fiber.join(rotating))).toMatchObject({
        _tag: "RotationOutcomeUnknown",
        purpose: "raft",
        replaces
      })
      heal(cluster)
      yield* until(() => ![leader, undefined].includes(cluster.readyLeader()))
      const repeated = yield* inTime(at(followers[0], rotate({ purpose: "raft", replaces })))
      expect(repeated).toMatchObject({ index: before + 1, wasAlreadyRotated: true })
      expect(keysOf(all, "raft")).toHaveLength(2)
    })
  )
})

describe("racing the marker (SPEC §11, §20)", () => {
  it.effect(
    "in front of it in the log, neither committed: stale, and the next attempt succeeds",
    () =>
      Effect.gen(function* () {
        const all = yield* inPhase1()
        const { at, cluster, leader } = all
        holdCommits(cluster)
        const before = lastIndex(cluster, leader)
        const rotating = yield* start(cluster.on(leader, rotate({ purpose: "raft" })))
        yield* settled
        expect(lastIndex(cluster, leader)).toBe(before + 1)
        const cutting = yield* start(Effect.flip(cluster.on(leader, cutOver)))
        yield* until(() => lastIndex(cluster, leader) === before + 2)
        const [rotation, marker] = yield* entriesFrom(all, leader, before + 1)
        expect([isMarker(rotation!), isMarker(marker!)]).toEqual([false, true])
        heal(cluster)
        const { index, keyId } = yield* inTime(Fiber.join(rotating))
        expect(index).toBe(before + 1)
        expect(yield* inTime(Fiber.join(cutting))).toMatchObject({ _tag: "RaftDekChanged" })
        expect(sidecarOf(all)).toMatchObject({
          raftEnvelopeCutoverIndex: 0,
          active: { raft: keyId }
        })
        yield* inTime(at(leader, put("still plain", "1")))
        const { cutoverIndex } = yield* inTime(at(leader, cutOver))
        expect(cutoverIndex).toBeGreaterThan(before + 2)
        yield* inTime(at(leader, put("sealed", "2")))
        for (const [key, value] of [
          ["plain", "0"],
          ["still plain", "1"],
          ["sealed", "2"]
        ] as const) {
          for (const name of founders) expect(yield* inTime(at(name, get(key)))).toBe(value)
        }
        yield* agree(all)
      })
  )

  it.effect("while the marker counts and is not committed: waits, and is sealed behind it", () =>
    Effect.gen(function* () {
      const all = yield* inPhase1()
      const { at, cluster, followers, leader } = all
      holdCommits(cluster)
      const before = lastIndex(cluster, leader)
      const cutting = yield* start(at(followers[0], cutOver))
      yield* until(() => lastIndex(cluster, leader) === before + 1)
      for (const purpose of purposes) {
        const refusal = yield* inTime(Effect.flip(cluster.on(leader, rotate({ purpose }))))
        expect(refusal, "the guard, or the barrier in front of it").toMatchObject({
          _tag: "CutoverInFlight"
        })
      }
      const operators = yield* Effect.forEach(purposes, (purpose) =>
        start(at(followers[1], rotate({ purpose })))
      )
      yield* settled
      expect(lastIndex(cluster, leader), "nothing is appended").toBe(before + 1)
      heal(cluster)
      const { cutoverIndex } = yield* inTime(Fiber.join(cutting))
      expect(cutoverIndex).toBe(before + 1)
      const rotated = yield* inTime(Fiber.joinAll(operators))
      for (const { index, wasAlreadyRotated } of rotated) {
        expect(index).toBeGreaterThan(cutoverIndex)
        expect(wasAlreadyRotated).toBe(false)
      }
      yield* inTime(at(followers[0], put("sealed", "1")))
      expect(yield* inTime(at(followers[1], get("sealed")))).toBe("1")
      yield* agree(all)
    })
  )

  it.effect(
    "by the next leader, which does not have the marker: truncated, and cut over again",
    () =>
      Effect.gen(function* () {
        const all = yield* inPhase1()
        const { at, cluster, followers, leader } = all
        isolate(cluster, leader)
        const before = lastIndex(cluster, leader)
        const cutting = yield* start(Effect.flip(cluster.on(leader, cutOver)))
        yield* until(() => lastIndex(cluster, leader) === before + 1)
        yield* until(() => ![leader, undefined].includes(cluster.readyLeader()))
        const { keyId } = yield* inTime(at(followers[0], rotate({ purpose: "raft" })))
        heal(cluster)
        expect(yield* inTime(Fiber.join(cutting))).toMatchObject({ _tag: "CutoverOutcomeUnknown" })
        yield* inTime(at(leader, put("plain", "1")))
        yield* agree(all)
        expect(sidecarOf(all)).toMatchObject({
          raftEnvelopeCutoverIndex: 0,
          active: { raft: keyId }
        })
        const { wasAlreadyActive } = yield* inTime(at(leader, cutOver))
        expect(wasAlreadyActive).toBe(false)
        yield* inTime(at(leader, put("sealed", "2")))
        for (const name of founders) expect(yield* inTime(at(name, get("sealed")))).toBe("2")
        yield* agree(all)
      })
  )

  it.effect("behind the marker of a leader that is gone: sealed by the next one", () =>
    Effect.gen(function* () {
      const all = yield* inPhase1()
      const { at, cluster, crash, followers, leader } = all
      holdCommits(cluster)
      const before = lastIndex(cluster, leader)
      yield* start(cluster.on(leader, Effect.exit(cutOver)))
      yield* until(() => followers.every((name) => lastIndex(cluster, name) === before + 1))
      yield* crash(leader)
      heal(cluster)
      const done = yield* inTime(at(followers[0], rotate({ purpose: "raft" })))
      expect(sidecarOf(all)).toMatchObject({
        raftEnvelopeCutoverIndex: before + 1,
        active: { raft: done.keyId }
      })
      yield* inTime(at(followers[1], put("sealed", "1")))
      const next = cluster.readyLeader()!
      const sealedWith = (yield* entriesFrom(all, next, done.index))
        .filter(({ kind }) => kind === "normal")
        .map(({ data }): KeyId => Buffer.from(data).readUInt32BE(11) as KeyId)
      expect(sealedWith).toEqual([done.replacedKeyId, done.keyId])
      yield* inTime(cluster.start(leader))
      yield* agree(all)
      expect(yield* cluster.on(leader, get("sealed", { stale: true }))).toBe("1")
    })
  )
})
