import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Registration from "../../src/domain/encryption/Registration.ts"
import type { GroupId, LocalEpoch } from "../../src/domain/Ids.ts"
import * as KvCommand from "../../src/domain/kv/Command.ts"
import * as HardStateRecord from "../../src/domain/log/HardStateRecord.ts"
import * as LocalRecord from "../../src/domain/log/LocalRecord.ts"
import * as Payload from "../../src/domain/log/Payload.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { Applier } from "../../src/services/Applier.ts"
import { Opening } from "../../src/services/Opening.ts"
import { type Proposal, RaftEngine } from "../../src/services/RaftEngine.ts"
import { settled, start } from "../support/Fibers.ts"
import { Gate, gatedNode } from "../support/GatedLog.ts"
import { memoryNode } from "../support/MemoryNode.ts"
import {
  cutOver,
  enableStorage,
  entriesOf,
  get,
  put,
  ready,
  status,
  text
} from "../support/NodeCalls.ts"

const groupId = 0 as GroupId
const sealingReady = Effect.flatMap(RaftEngine, (engine) => engine.sealingReady)
const readIndex = Effect.flatMap(RaftEngine, (engine) => engine.readIndex)
const engineStatus = Effect.map(RaftEngine, (engine) => engine.status())
const kinds = Effect.map(entriesOf, (entries) => entries.map(({ kind }) => kind))

const registrations = Effect.map(entriesOf, (entries) =>
  entries
    .filter(({ kind }) => kind === "registration")
    .map(({ data }) => Result.getOrThrow(Registration.decode(data)))
)

const deletion = KvCommand.encode({ _tag: "Delete", key: text("absent") })

/** A plain request that changes nothing. */
const proposal = Effect.map(
  RaftEngine,
  (engine): Proposal => ({
    body: Payload.encodeRequests([{ session: undefined, content: deletion }]),
    term: engine.status().term,
    toBeSealed: false,
    onEvent: () => {}
  })
)

const propose = Effect.flatMap(RaftEngine, (engine) => Effect.flatMap(proposal, engine.propose))

/** Waits until this node, which campaigns when it is opened, leads no more. */
const steppedDown = Effect.flatMap(RaftEngine, (engine) =>
  Effect.repeat(Effect.yieldNow, { while: () => engine.status().role !== "Follower" })
)

describe("the registration of an opening (SPEC §6)", () => {
  it.effect("is not made while there is no raft DEK", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      for (const seed of [1, 2]) {
        yield* Effect.gen(function* () {
          yield* ready
          yield* put("a", "1")
          yield* settled
          expect(yield* registrations).toEqual([])
          expect(yield* kinds).not.toContain("registration")
        }).pipe(Effect.provide(memoryNode({ disk, seed })))
      }
    })
  })

  it.effect(
    "is appended once in each opening, after its noop, with the epoch of that opening",
    () => {
      const disk = new MemoryDisk()
      return Effect.gen(function* () {
        yield* Effect.gen(function* () {
          yield* ready
          yield* enableStorage
          yield* sealingReady
          expect(yield* kinds).toEqual(["membership", "noop", "normal", "registration", "normal"])
        }).pipe(Effect.provide(memoryNode({ disk })))
        for (const boot of [2, 3, 4]) {
          yield* Effect.gen(function* () {
            yield* ready
            yield* sealingReady
            const { currentEpoch, incarnation, nodeName, openingId } = yield* Opening
            const keyId = (yield* Applier).sidecar.active.raft
            expect((yield* kinds).slice(-2)).toEqual(["noop", "registration"])
            for (let at = 0; at < 5; at++) yield* put(`k${at}`, "v")
            yield* sealingReady
            const all = yield* registrations
            expect(all).toHaveLength(boot)
            expect(all.at(-1)).toEqual({ keyId, nodeName, incarnation, epoch: boot, openingId })
            expect(currentEpoch(keyId)).toBe(boot)
            expect((yield* Applier).registry.rows).toEqual([
              { keyId, writerId: 1, firstEpoch: 1, lastEpoch: boot, openingId }
            ])
          }).pipe(Effect.provide(memoryNode({ disk, seed: boot })))
        }
      })
    }
  )

  it.effect("has its epoch durable before it is in the log", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      yield* ready
      yield* enableStorage
      yield* sealingReady
      const written = disk.journal.flatMap((record) =>
        record.environment === "log" ? [record.changes] : []
      )
      const locals = written.filter(({ records }) => records.some(({ name }) => name === "local"))
      const local = written.lastIndexOf(locals.at(-1)!)
      const at = (yield* kinds).indexOf("registration") + 1
      const registered = written.findIndex(({ entries }) =>
        entries.some(({ index }) => index === at)
      )
      expect(locals, "the opening, the founding, the epoch").toHaveLength(3)
      expect(registered).toBeGreaterThan(local)
    }).pipe(Effect.provide(memoryNode({ disk })))
  })
})

describe("an opening that cannot register (SPEC §6)", () => {
  /** What must hold of one from its refusal on, however long it is asked. */
  const neverLeads = Effect.gen(function* () {
    yield* steppedDown
    yield* settled
    const { term } = yield* engineStatus
    const before = yield* entriesOf
    const awaiting = yield* start(Effect.flip(sealingReady))
    for (let at = 0; at < 20; at++) {
      yield* TestClock.adjust("5 seconds")
      expect(yield* engineStatus).toMatchObject({ role: "Follower", term, leader: undefined })
    }
    expect(yield* Fiber.join(awaiting)).toMatchObject({ _tag: "NotLeader" })
    expect(yield* Effect.flip(put("b", "2"))).toMatchObject({ _tag: "NotLeader" })
    expect(yield* Effect.flip(readIndex)).toMatchObject({ _tag: "NotLeader" })
    expect(yield* Effect.flip(cutOver)).toMatchObject({ _tag: "NotLeader" })
    expect(yield* get("a", { stale: true })).toBe("1")
    expect(yield* entriesOf).toEqual(before)
  })

  /** The disk of a node that has cut over and holds one sealed value. */
  const usedDisk = Effect.gen(function* () {
    const disk = new MemoryDisk()
    const keyId = yield* Effect.gen(function* () {
      yield* ready
      yield* enableStorage
      yield* cutOver
      yield* put("a", "1")
      return (yield* Applier).sidecar.active.raft
    }).pipe(Effect.provide(memoryNode({ disk })))
    return { disk, keyId }
  })

  it.effect("because its local record is an old copy follows, and never campaigns again", () =>
    Effect.gen(function* () {
      const { disk, keyId } = yield* usedDisk
      const copy = Buffer.from(disk.local!)
      yield* Effect.andThen(ready, sealingReady).pipe(Effect.provide(memoryNode({ disk, seed: 2 })))
      disk.local = copy
      yield* Effect.gen(function* () {
        yield* neverLeads
        expect(yield* status).toMatchObject({ localEpoch: 2 })
        const { openingId } = yield* Opening
        expect((yield* registrations).at(-1)).toMatchObject({ epoch: 2, openingId })
        const row = (yield* Applier).registry.rows.find((known) => known.keyId === keyId)
        expect(row).toMatchObject({ lastEpoch: 2 })
        expect(row?.openingId, "a refusal changes no row").not.toBe(openingId)
      }).pipe(Effect.provide(memoryNode({ disk, seed: 3 })))
    })
  )

  it.effect("because its epoch is smaller than the one registered follows", () =>
    Effect.gen(function* () {
      const { disk } = yield* usedDisk
      const copy = Buffer.from(disk.local!)
      for (const seed of [2, 3]) {
        yield* Effect.andThen(ready, sealingReady).pipe(Effect.provide(memoryNode({ disk, seed })))
      }
      disk.local = copy
      yield* neverLeads.pipe(Effect.provide(memoryNode({ disk, seed: 4 })))
    })
  )

  it.effect("because its epochs are used up follows from its start on, and appends nothing", () =>
    Effect.gen(function* () {
      const { disk, keyId } = yield* usedDisk
      const local = Result.getOrThrow(LocalRecord.decode(groupId, disk.local!))
      const epochs = new Map([[keyId, 0xffff as LocalEpoch]])
      disk.local = LocalRecord.encode({ ...local, epochs })
      yield* Effect.gen(function* () {
        yield* neverLeads
        expect((yield* kinds).at(-1), "it has not led: no noop of its own").toBe("normal")
        expect((yield* Opening).currentEpoch(keyId)).toBeUndefined()
      }).pipe(Effect.provide(memoryNode({ disk, seed: 2 })))
    })
  )

  it.effect("leaves the next opening free to lead once its epoch is greater again", () =>
    Effect.gen(function* () {
      const { disk } = yield* usedDisk
      const copy = Buffer.from(disk.local!)
      yield* Effect.andThen(ready, sealingReady).pipe(Effect.provide(memoryNode({ disk, seed: 2 })))
      disk.local = copy
      yield* steppedDown.pipe(Effect.provide(memoryNode({ disk, seed: 3 })))
      yield* Effect.gen(function* () {
        yield* ready
        yield* sealingReady
        yield* put("b", "2")
        expect(yield* status).toMatchObject({ localEpoch: 3 })
      }).pipe(Effect.provide(memoryNode({ disk, seed: 4 })))
    })
  )
})

describe("nothing is answered before the write has returned (SPEC §9)", () => {
  it.effect("neither a put, nor a proposal, nor a read that came after them", () => {
    const disk = new MemoryDisk()
    const gate = new Gate()
    return Effect.gen(function* () {
      yield* ready
      yield* put("a", "old")
      gate.close()
      const before = disk.entries.size
      const { index } = (yield* Applier).position
      const events: Array<string> = []
      const engine = yield* RaftEngine
      const onEvent = ({ _tag }: { readonly _tag: string }) => void events.push(_tag)
      const proposed = yield* start(engine.propose({ ...(yield* proposal), onEvent }))
      yield* gate.reached
      const waiting = [yield* start(put("a", "new")), proposed, yield* start(get("a"))]
      yield* settled
      expect(waiting.map((fibre) => fibre.pollUnsafe())).toEqual([undefined, undefined, undefined])
      expect(events).toEqual([])
      expect(disk.entries.size).toBe(before)
      expect((yield* Applier).position.index).toBe(index)
      expect(yield* get("a", { stale: true })).toBe("old")
      gate.open()
      expect(yield* Fiber.join(proposed)).toMatchObject({ index: index + 1 })
      yield* Fiber.awaitAll(waiting)
      expect(events).toEqual(["Applied"])
      expect(yield* get("a")).toBe("new")
    }).pipe(Effect.provide(gatedNode({ disk, gate })))
  })

  it.effect("but what an earlier write made durable is applied during the next one", () => {
    const disk = new MemoryDisk()
    const gate = new Gate()
    return Effect.gen(function* () {
      yield* ready
      const engine = yield* RaftEngine
      const { index } = (yield* Applier).position
      const events: Array<string> = []
      const proposed = (name: string) =>
        Effect.flatMap(proposal, (request) =>
          engine.propose({ ...request, onEvent: ({ _tag }) => void events.push(`${name} ${_tag}`) })
        )
      gate.close()
      yield* start(proposed("first"))
      yield* gate.reached
      yield* start(proposed("second"))
      yield* settled
      expect(events).toEqual([])
      gate.openOnce()
      yield* settled
      // The second write stands at the gate, and the first entry is applied and answered.
      expect([gate.waitingCount, (yield* Applier).position.index]).toEqual([1, index + 1])
      expect(events).toEqual(["first Applied"])
      gate.open()
      yield* settled
      expect(events).toEqual(["first Applied", "second Applied"])
    }).pipe(Effect.provide(gatedNode({ disk, gate })))
  })

  it.effect("and no proposal is taken in before the noop is durable and applied", () => {
    const disk = new MemoryDisk()
    const gate = new Gate()
    gate.close()
    return Effect.gen(function* () {
      const engine = yield* RaftEngine
      yield* gate.reached
      yield* settled
      expect(engine.intake()).toMatchObject({ _tag: "Shut" })
      expect([...disk.entries.keys()], "the founding alone").toEqual([1])
      expect(yield* Effect.flip(put("a", "1"))).toMatchObject({ _tag: expect.any(String) })
      gate.open()
      yield* ready
      expect(yield* kinds).toEqual(["membership", "noop"])
      expect((yield* Applier).position.index).toBe(2)
    }).pipe(Effect.provide(gatedNode({ disk, gate })))
  })
})

describe("the hard state that is written with entries (SPEC §8)", () => {
  it.effect("has the commit index as it was then, also if it was not worth a write alone", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      yield* ready
      for (let at = 0; at < 3; at++) yield* put("a", `${at}`)
      const writes = disk.journal.flatMap((record) =>
        record.environment === "log" && record.changes.entries.length > 0 ? [record.changes] : []
      )
      const { entries, records } = writes.at(-1)!
      const { record } = records.find(({ name }) => name === "hardState")!
      const { commit } = Result.getOrThrow(HardStateRecord.decode(groupId, record))
      expect(commit, "all before it were applied when it was proposed").toBe(entries[0]!.index - 1)
    }).pipe(Effect.provide(memoryNode({ disk })))
  })
})

describe("the inbox (SPEC §9)", () => {
  it.effect("is bounded: what does not fit is TooManyProposals, the rest is answered", () => {
    const gate = new Gate()
    const settings = { inboxCountMax: 3 }
    return Effect.gen(function* () {
      yield* ready
      gate.close()
      const first = yield* start(propose)
      yield* gate.reached
      const fitting = yield* Effect.all([start(readIndex), start(propose), start(sealingReady)])
      const tooMany = { _tag: "TooManyProposals", pendingCount: 3 }
      expect(yield* Effect.flip(readIndex)).toMatchObject(tooMany)
      expect(yield* Effect.flip(propose)).toMatchObject(tooMany)
      expect(yield* Effect.flip(sealingReady)).toMatchObject(tooMany)
      gate.open()
      yield* Fiber.join(first)
      yield* Fiber.join(fitting[0])
      yield* Fiber.join(fitting[1])
      yield* readIndex
      expect(fitting[2].pollUnsafe(), "there is no key to register for").toBeUndefined()
    }).pipe(Effect.provide(gatedNode({ disk: new MemoryDisk(), gate, settings })))
  })
})

describe("an engine that has stopped (SPEC §11)", () => {
  const stopped = (reason: unknown) => ({ _tag: "NodeStopped", reason })

  it.effect("tells everybody who waited, and everybody who asks after that", () => {
    const disk = new MemoryDisk()
    const gate = new Gate()
    return Effect.gen(function* () {
      yield* ready
      gate.close()
      const first = yield* start(Effect.flip(propose))
      yield* gate.reached
      const waiting = [
        first,
        yield* start(Effect.flip(propose)),
        yield* start(Effect.flip(readIndex)),
        yield* start(Effect.flip(sealingReady))
      ]
      disk.nextLogFault = new Error("EIO")
      gate.open()
      const reason = expect.stringContaining("EIO")
      for (const exit of yield* Fiber.awaitAll(waiting)) {
        expect(Exit.isSuccess(exit) && exit.value).toMatchObject(stopped(reason))
      }
      const engine = yield* RaftEngine
      expect(yield* Effect.flip(engine.stopped)).toMatchObject({ _tag: "LogWriteFailure" })
      expect(yield* Effect.flip(propose)).toMatchObject(stopped(reason))
      expect(yield* Effect.flip(readIndex)).toMatchObject(stopped(reason))
      expect(yield* Effect.flip(sealingReady)).toMatchObject(stopped(reason))
      expect(engine.intake()).toMatchObject({ _tag: "Shut", reason: stopped(reason) })
    }).pipe(Effect.provide(gatedNode({ disk, gate })))
  })

  it.effect("because it was closed says so, and its disk can be opened again", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const node = yield* Layer.buildWithScope(memoryNode({ disk }), scope)
      yield* Effect.andThen(ready, put("a", "1")).pipe(Effect.provide(node))
      yield* Scope.close(scope, Exit.void)
      const engine = Context.get(node, RaftEngine)
      const reason = "it is shutting down"
      expect(yield* Effect.flip(engine.readIndex)).toMatchObject(stopped(reason))
      expect(yield* Effect.flip(engine.sealingReady)).toMatchObject(stopped(reason))
      expect(yield* Effect.flip(propose.pipe(Effect.provide(node)))).toMatchObject(stopped(reason))
      expect(engine.intake()).toMatchObject({ _tag: "Shut", reason: stopped(reason) })
      yield* Effect.gen(function* () {
        yield* ready
        expect(yield* get("a")).toBe("1")
      }).pipe(Effect.provide(memoryNode({ disk })))
    })
  })
})
