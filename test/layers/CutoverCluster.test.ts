/**
 * SPEC §12, §13, §20: the cutover of three nodes in one process whose leader is lost with the marker
 * proposed, at a few, at most, or applied on it alone; and whoever asks, at whichever node.
 */
import { assert, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { LogIndex } from "../../src/domain/Ids.ts"
import type { Message } from "../../src/domain/raft/Message.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import { WrapFlag } from "../../src/services/WrapFlag.ts"
import { start } from "../support/Fibers.ts"
import { elected, founders, inTime, until } from "../support/FrontedCluster.ts"
import { cutOver, enableStorage, entriesOf, get, put } from "../support/NodeCalls.ts"
import { isMarker } from "../support/StagedNode.ts"

type Cluster = Effect.Success<ReturnType<typeof phase1>>

/** Values are sealed; nobody has asked for the cutover. */
const phase1 = Effect.fnUntraced(function* () {
  const fronted = yield* elected()
  const { at, leader } = fronted
  yield* inTime(at(leader, enableStorage))
  yield* inTime(at(leader, put("before", "1")))
  return fronted
})

const carriesMarker = (message: Message): boolean =>
  message._tag === "Append" && message.entries.some(isMarker)

/** What the node that leads now sends of the marker is lost. */
const keepMarkerBack = ({ cluster, leader }: Cluster) => {
  const id = cluster.memberId(leader)
  cluster.network.fate = (message) => (message.from === id && carriesMarker(message) ? [] : [0])
}

/** One follower gets the marker, and the leader never learns that. */
const giveMarkerToOne = ({ cluster, followers, leader }: Cluster) => {
  const id = cluster.memberId(leader)
  const other = cluster.memberId(followers[1])
  cluster.network.fate = (message) => {
    if (message.from === id && message.to === other && carriesMarker(message)) return []
    return message._tag === "AppendResponse" && message.to === id ? [] : [0]
  }
}

const markerIndexes = ({ cluster }: Cluster, name: string) =>
  Effect.map(cluster.on(name, entriesOf), (entries) =>
    entries.filter(isMarker).map(({ index }) => index)
  )

const markerIs = (cluster: Cluster, name: string, index: LogIndex) =>
  cluster.cluster.engine(name).status().lastIndex >= index

/** Nobody hears it, and it hears nobody, beside what is lost anyway. */
const isolate = ({ cluster }: Cluster, name: string) => {
  const id = cluster.memberId(name)
  const { fate } = cluster.network
  cluster.network.fate = (message) =>
    message.from === id || message.to === id ? [] : fate(message)
}

const heal = ({ cluster }: Cluster) => {
  cluster.network.fate = () => [0]
}

const barrierOf = ({ cluster }: Cluster, name: string) =>
  Effect.runSync(
    cluster.on(
      name,
      Effect.map(QuiescenceBarrier, (barrier) => barrier.state())
    )
  )

/** Asked at every node, the cutover is over at one index, and everybody writes and reads. */
const assertCutOver = (fronted: Cluster, cutoverIndex: LogIndex) =>
  Effect.gen(function* () {
    const { at, cluster } = fronted
    for (const name of founders) {
      const again = yield* inTime(at(name, cutOver))
      expect(again).toEqual({ cutoverIndex, wasAlreadyActive: true, barrierClosedMillis: 0 })
      yield* inTime(at(name, put(`by ${name}`, "1")))
    }
    const end = Math.max(...founders.map((name) => cluster.applier(name).position.index))
    yield* until(() => founders.every((name) => cluster.applier(name).position.index >= end))
    for (const name of founders) {
      const { raftEnvelopeCutoverIndex } = cluster.applier(name).sidecar
      assert.strictEqual(raftEnvelopeCutoverIndex, cutoverIndex, name)
      assert.isTrue(
        yield* cluster.on(
          name,
          Effect.map(WrapFlag, (flag) => flag.isSet())
        ),
        name
      )
      assert.isFalse(barrierOf(fronted, name).isClosed, name)
      assert.deepStrictEqual(yield* markerIndexes(fronted, name), [cutoverIndex])
      for (const key of ["before", "by n1", "by n2", "by n3"]) {
        assert.strictEqual(yield* inTime(at(name, get(key))), "1")
      }
    }
  })

/** A caller at a node, and where the leader has appended the marker. */
const withMarker = (fronted: Cluster, name: string) =>
  Effect.gen(function* () {
    const { at, cluster, leader } = fronted
    const index = (cluster.engine(leader).status().lastIndex + 1) as LogIndex
    const caller = yield* start(Effect.result(at(name, cutOver)))
    yield* until(() => cluster.engine(leader).status().lastIndex >= index)
    assert.deepStrictEqual(yield* markerIndexes(fronted, leader), [index])
    assert.isTrue(barrierOf(fronted, leader).isClosed)
    return { caller, index }
  })

const failureOf = <A, E>(caller: Fiber.Fiber<{ readonly _tag: string; readonly failure?: E }, A>) =>
  Effect.map(Fiber.join(caller), (result) => {
    assert.strictEqual(result._tag, "Failure")
    return result.failure
  })

/** Somebody else leads, and the one that led is cut off or gone. */
const succeeded = ({ cluster, leader }: Cluster) =>
  until(() => ![leader, undefined].includes(cluster.readyLeader()))

describe("two operators at two nodes", () => {
  it.effect("at once: one runs, the other is refused or told the same index", () =>
    Effect.gen(function* () {
      const fronted = yield* phase1()
      const { at } = fronted
      const results = yield* inTime(
        Effect.forEach(founders, (name) => Effect.result(at(name, cutOver)), {
          concurrency: "unbounded"
        })
      )
      const done = results.flatMap((result) => (result._tag === "Success" ? [result.success] : []))
      const ran = done.filter(({ wasAlreadyActive }) => !wasAlreadyActive)
      assert.strictEqual(ran.length, 1)
      const { cutoverIndex } = ran[0]!
      for (const result of results) {
        if (result._tag === "Success") assert.strictEqual(result.success.cutoverIndex, cutoverIndex)
        else assert.strictEqual(result.failure._tag, "CutoverInFlight")
      }
      yield* assertCutOver(fronted, cutoverIndex)
    })
  )

  it.effect("the second one while the marker is under way: CutoverInFlight, at any node", () =>
    Effect.gen(function* () {
      const fronted = yield* phase1()
      const { at, followers } = fronted
      keepMarkerBack(fronted)
      const { caller, index } = yield* withMarker(fronted, followers[0])
      for (const name of founders) {
        const refused = yield* inTime(Effect.flip(at(name, cutOver)))
        assert.strictEqual(refused._tag, "CutoverInFlight", name)
      }
      heal(fronted)
      yield* until(() => caller.pollUnsafe() !== undefined)
      const done = yield* Fiber.join(caller)
      expect(done).toMatchObject({ success: { cutoverIndex: index, wasAlreadyActive: false } })
      yield* assertCutOver(fronted, index)
    })
  )
})

describe("a leader that is lost", () => {
  it.effect(
    "with the marker in its own log alone: it is gone, and the second attempt makes one",
    () =>
      Effect.gen(function* () {
        const fronted = yield* phase1()
        const { at, cluster, followers, leader } = fronted
        keepMarkerBack(fronted)
        const { caller, index } = yield* withMarker(fronted, leader)
        isolate(fronted, leader)
        yield* succeeded(fronted)
        const second = yield* inTime(at(followers[1], cutOver))
        assert.isFalse(second.wasAlreadyActive)
        assert.isAbove(second.cutoverIndex, index, "behind what the new leader has appended first")
        yield* until(() => caller.pollUnsafe() !== undefined)
        assert.strictEqual((yield* failureOf(caller))?._tag, "CutoverOutcomeUnknown")
        assert.isFalse(barrierOf(fronted, leader).isClosed, "by release rule (c), still cut off")
        assert.strictEqual(cluster.applier(leader).sidecar.raftEnvelopeCutoverIndex, 0)
        heal(fronted)
        yield* until(() => markerIs(fronted, leader, second.cutoverIndex))
        yield* assertCutOver(fronted, second.cutoverIndex)
      })
  )

  it.effect("with the marker on a majority: it is committed by the next one, at its index", () =>
    Effect.gen(function* () {
      const fronted = yield* phase1()
      const { at, cluster, followers, leader } = fronted
      giveMarkerToOne(fronted)
      const { caller, index } = yield* withMarker(fronted, leader)
      yield* until(() => markerIs(fronted, followers[0], index))
      assert.strictEqual(cluster.applier(leader).sidecar.raftEnvelopeCutoverIndex, 0)
      isolate(fronted, leader)
      yield* succeeded(fronted)
      assert.strictEqual(cluster.readyLeader(), followers[0], "nobody else has the marker")
      const second = yield* inTime(at(followers[1], cutOver))
      expect(second).toMatchObject({ cutoverIndex: index, wasAlreadyActive: true })
      yield* until(() => caller.pollUnsafe() !== undefined)
      assert.strictEqual((yield* failureOf(caller))?._tag, "CutoverOutcomeUnknown")
      heal(fronted)
      yield* assertCutOver(fronted, index)
    })
  )

  it.effect("that alone has applied the marker, and whose power goes: the others have it too", () =>
    Effect.gen(function* () {
      const fronted = yield* phase1()
      const { at, cluster, crash, followers, leader, serve } = fronted
      const leaderId = cluster.memberId(leader)
      const index = (cluster.engine(leader).status().lastIndex + 1) as LogIndex
      // Nobody hears from it that the marker is committed.
      cluster.network.fate = (message) =>
        message.from === leaderId && "commit" in message && message.commit >= index ? [] : [0]
      const done = yield* inTime(at(leader, cutOver))
      assert.strictEqual(done.cutoverIndex, index)
      for (const name of followers) {
        assert.strictEqual(cluster.applier(name).sidecar.raftEnvelopeCutoverIndex, 0)
      }
      yield* crash(leader)
      heal(fronted)
      yield* succeeded(fronted)
      const second = yield* inTime(at(followers[0], cutOver))
      expect(second).toMatchObject({ cutoverIndex: index, wasAlreadyActive: true })
      yield* inTime(cluster.start(leader))
      yield* serve(leader)
      yield* assertCutOver(fronted, index)
    })
  )

  it.effect("under a caller at a follower: its outcome is unknown, and asking again tells", () =>
    Effect.gen(function* () {
      const fronted = yield* phase1()
      const { at, cluster, crash, followers, leader, serve } = fronted
      giveMarkerToOne(fronted)
      const { caller, index } = yield* withMarker(fronted, followers[1])
      yield* until(() => markerIs(fronted, followers[0], index))
      yield* crash(leader)
      yield* until(() => caller.pollUnsafe() !== undefined)
      assert.strictEqual((yield* failureOf(caller))?._tag, "CutoverOutcomeUnknown")
      heal(fronted)
      const second = yield* inTime(at(followers[1], cutOver))
      expect(second).toMatchObject({ cutoverIndex: index, wasAlreadyActive: true })
      yield* inTime(cluster.start(leader))
      yield* serve(leader)
      yield* assertCutOver(fronted, index)
    })
  )
})

describe("a caller", () => {
  for (const where of ["at the leader", "at a follower"] as const) {
    it.effect(`${where} whose time is over: it resolves without the caller`, () =>
      Effect.gen(function* () {
        const fronted = yield* phase1()
        const { at, followers, leader } = fronted
        const asked = where === "at the leader" ? leader : followers[0]
        keepMarkerBack(fronted)
        const { caller, index } = yield* withMarker(fronted, asked)
        yield* until(() => caller.pollUnsafe() !== undefined)
        assert.strictEqual((yield* failureOf(caller))?._tag, "CutoverOutcomeUnknown")
        assert.isTrue(barrierOf(fronted, leader).isClosed, "the marker may be in the log")
        assert.strictEqual(
          (yield* inTime(Effect.flip(at(followers[1], cutOver))))._tag,
          "CutoverInFlight"
        )
        heal(fronted)
        yield* until(() => !barrierOf(fronted, leader).isClosed)
        yield* assertCutOver(fronted, index)
      })
    )

    it.effect(`${where} that hangs up: it resolves without the caller`, () =>
      Effect.gen(function* () {
        const fronted = yield* phase1()
        const { followers, leader } = fronted
        const asked = where === "at the leader" ? leader : followers[0]
        keepMarkerBack(fronted)
        const { caller, index } = yield* withMarker(fronted, asked)
        yield* Fiber.interrupt(caller)
        assert.isTrue(barrierOf(fronted, leader).isClosed)
        heal(fronted)
        yield* until(() => !barrierOf(fronted, leader).isClosed)
        yield* assertCutOver(fronted, index)
      })
    )
  }
})

describe("users, while the marker is under way", () => {
  it.effect("at any node wait and are answered once; below the edge they are refused", () =>
    Effect.gen(function* () {
      const fronted = yield* phase1()
      const { at, cluster, followers, leader } = fronted
      keepMarkerBack(fronted)
      const { caller, index } = yield* withMarker(fronted, followers[0])
      const raw = yield* Effect.flip(cluster.on(leader, put("raw", "1")))
      assert.strictEqual(raw._tag, "CutoverInFlight")
      const writing = yield* Effect.forEach(founders, (name) =>
        start(at(name, put(`held ${name}`, "1")))
      )
      const { revision } = cluster.applier(leader)
      yield* until(() => caller.pollUnsafe() === undefined)
      assert.isTrue(writing.every((write) => write.pollUnsafe() === undefined))
      assert.strictEqual(cluster.applier(leader).revision, revision)
      heal(fronted)
      yield* until(() => writing.every((write) => write.pollUnsafe() !== undefined))
      const written = yield* Fiber.joinAll(writing)
      assert.deepStrictEqual(
        written.map((one) => one.revision as number).toSorted((a, b) => a - b),
        [revision + 1, revision + 2, revision + 3]
      )
      assert.isUndefined(yield* inTime(at(leader, get("raw"))))
      yield* assertCutOver(fronted, index)
    })
  )
})
