import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Malformed } from "../../src/domain/bytes/Errors.ts"
import { ValueCorrupted } from "../../src/domain/kv/Errors.ts"
import * as Limits from "../../src/domain/Limits.ts"
import { SessionId } from "../../src/domain/log/Request.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import * as ReplicaLive from "../../src/layers/ReplicaLive.ts"
import { Applier } from "../../src/services/Applier.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { Replica } from "../../src/services/Replica.ts"
import { StateMachine } from "../../src/services/StateMachine.ts"
import { replicaNode } from "../support/MemoryNode.ts"
import { text } from "../support/NodeCalls.ts"

/** Appends each request to one value, and answers the whole of it; `?` as a query reads it. */
const appending = Layer.succeed(StateMachine, {
  apply: (request, store) => {
    const value = Buffer.concat([store.get(text("all"))?.value ?? text(""), request])
    store.put(text("all"), value)
    return value
  },
  read: (query, store) => {
    if (query[0] === 33)
      throw new ValueCorrupted({ groupId: 0, revision: 1, reason: "tagMismatch" })
    if (query[0] === 63) return store.get(text("all"))?.value ?? text("")
    throw new TypeError("no such query")
  }
})

const node = (disk = new MemoryDisk()) => replicaNode({ disk }).pipe(Layer.provideMerge(appending))

const propose = (request: string) =>
  Effect.flatMap(Replica, (replica) => replica.propose(text(request))).pipe(
    Effect.map((answer) => Buffer.from(answer).toString())
  )
const read = (query: string, options?: { readonly stale: boolean }) =>
  Effect.flatMap(Replica, (replica) => replica.read(text(query), options)).pipe(
    Effect.map((answer) => Buffer.from(answer).toString())
  )
/** What the machine holds, whether or not the node serves it. */
const applied = (query: string) =>
  Effect.map(Applier, (applier) => Buffer.from(applier.read(text(query))).toString())

describe("Replica (SPEC §7, §9)", () => {
  it.effect("waits for the leader, then proposes to and reads an embedder's own machine", () =>
    Effect.gen(function* () {
      expect((yield* RaftEngine).intake()._tag, "not ready when it is built").toBe("Shut")
      expect(yield* propose("a")).toBe("a")
      expect(yield* propose("b")).toBe("ab")
      expect(yield* read("?")).toBe("ab")
      expect(yield* read("?", { stale: true })).toBe("ab")
    }).pipe(Effect.provide(node()))
  )

  it.effect("a stale read asks nobody, and sees everything once the node has caught up", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      yield* propose("kept").pipe(Effect.provide(node(disk)))
      disk.crash({ keptCommits: 0 })
      yield* Effect.gen(function* () {
        expect(yield* read("?", { stale: true })).toBe("")
        yield* Effect.flatMap(Replica, (replica) => replica.caughtUp)
        expect(yield* read("?", { stale: true })).toBe("kept")
      }).pipe(Effect.provide(node(disk)))
    })
  })

  it.effect(
    "a linearizable read sees what was answered before a crash, as soon as it answers",
    () => {
      const disk = new MemoryDisk()
      return Effect.gen(function* () {
        yield* propose("kept").pipe(Effect.provide(node(disk)))
        disk.crash({ keptCommits: 0 })
        yield* Effect.gen(function* () {
          const early = yield* Effect.forkChild(read("?"), { startImmediately: true })
          expect(yield* read("?", { stale: true }), "nothing is replayed yet").toBe("")
          expect(yield* Fiber.join(early)).toBe("kept")
        }).pipe(Effect.provide(node(disk)))
      })
    }
  )

  it.effect(
    "a write of a session is done once, however often and over whatever it is repeated",
    () => {
      const disk = new MemoryDisk()
      const sessionId = SessionId.make("0".repeat(31).concat("7"))
      const write = (request: string, sequence: number) =>
        Effect.flatMap(Replica, (replica) =>
          replica.proposeOnce(text(request), { sessionId, sequence })
        ).pipe(Effect.map((answer) => Buffer.from(answer).toString()))
      return Effect.gen(function* () {
        yield* Effect.gen(function* () {
          expect(yield* Effect.flip(write("a", 1))).toMatchObject({ _tag: "SessionUnknown" })
          yield* Effect.flatMap(Replica, (replica) => replica.openSession(sessionId))
          expect(yield* write("a", 1)).toBe("a")
          expect(yield* write("b", 2)).toBe("ab")
          expect(yield* write("b", 2)).toBe("ab")
        }).pipe(Effect.provide(node(disk)))
        disk.crash({ keptCommits: 0 })
        yield* Effect.gen(function* () {
          expect(yield* write("b", 2)).toBe("ab")
          expect(yield* write("c", 3)).toBe("abc")
          expect(
            yield* Effect.flip(write("x".repeat(Limits.requestBytesMax + 1), 4))
          ).toMatchObject({ _tag: "RequestTooLarge" })
          expect(yield* read("?")).toBe("abc")
        }).pipe(Effect.provide(node(disk)))
      })
    }
  )

  it.effect("a request waits at a closed barrier and goes on when it opens", () =>
    Effect.gen(function* () {
      yield* propose("a")
      const barrier = yield* QuiescenceBarrier
      barrier.close()
      const waiting = yield* Effect.forkChild(propose("b"), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      expect(yield* read("?"), "reads are not held off").toBe("a")
      expect(waiting.pollUnsafe()).toBeUndefined()
      barrier.open()
      expect(yield* Fiber.join(waiting)).toBe("ab")
    }).pipe(Effect.provide(node()))
  )

  it.effect("without patience a closed barrier is a refusal", () =>
    Effect.gen(function* () {
      yield* propose("a")
      const impatient = yield* ReplicaLive.makeImpatient
      const barrier = yield* QuiescenceBarrier
      barrier.close()
      expect(yield* Effect.flip(impatient.propose(text("b")))).toMatchObject({
        _tag: "CutoverInFlight"
      })
    }).pipe(Effect.provide(node()))
  )

  it.effect("refuses a request that is too large, and takes the largest", () =>
    Effect.gen(function* () {
      yield* propose("a")
      const replica = yield* Replica
      const before = (yield* RaftEngine).status().lastIndex
      expect(
        yield* Effect.flip(replica.propose(Buffer.alloc(Limits.requestBytesMax + 1)))
      ).toMatchObject({ _tag: "RequestTooLarge", bytes: Limits.requestBytesMax + 1 })
      expect((yield* RaftEngine).status().lastIndex).toBe(before)
      const answer = yield* replica.propose(Buffer.alloc(Limits.requestBytesMax))
      expect(answer.length).toBe(Limits.requestBytesMax + 1)
    }).pipe(Effect.provide(node()))
  )

  it.effect("a damaged value fails the read; another throw is a bug of the machine's", () =>
    Effect.gen(function* () {
      yield* propose("a")
      expect(yield* Effect.flip(read("!"))).toBeInstanceOf(ValueCorrupted)
      const exit = yield* Effect.exit(read("x", { stale: true }))
      expect(exit._tag === "Failure" && exit.cause.reasons[0]?._tag).toBe("Die")
      expect(yield* read("?"), "the node goes on").toBe("a")
    }).pipe(Effect.provide(node()))
  )

  it.effect("tells when the node has halted, and refuses from then on", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      yield* propose("a")
      const replica = yield* Replica
      disk.nextLogFault = new Error("EIO")
      expect(yield* Effect.flip(propose("b"))).toMatchObject({ _tag: "NodeStopped" })
      expect(yield* Effect.flip(replica.stopped)).toMatchObject({ _tag: "LogWriteFailure" })
      expect(yield* Effect.flip(read("?"))).toMatchObject({ _tag: "NodeStopped" })
    }).pipe(Effect.provide(node(disk)))
  })

  it.effect("a machine that throws halts the node at that entry, at every start", () => {
    const disk = new MemoryDisk()
    const halting = (thrown: Error) =>
      Layer.succeed(StateMachine, {
        apply: (request, store) => {
          store.put(text("all"), request)
          if (request.length > 1) throw thrown
          return request
        },
        read: (_query, store) => store.get(text("all"))?.value ?? text("")
      })
    const start = (thrown: Error) => replicaNode({ disk }).pipe(Layer.provideMerge(halting(thrown)))
    const bug = new TypeError("not a function")
    const malformed = new Malformed({ format: "request", reason: "unknownTag", offset: 0 })
    return Effect.gen(function* () {
      yield* Effect.gen(function* () {
        yield* propose("a")
        expect(yield* Effect.flip(propose("bb"))).toMatchObject({ _tag: "NodeStopped" })
        const halted = yield* Effect.exit(Effect.flatMap(Replica, (replica) => replica.stopped))
        expect(Exit.isFailure(halted) && Cause.squash(halted.cause)).toBe(bug)
        expect(yield* applied("?"), "nothing of that entry is stored").toBe("a")
        const refusal = yield* Effect.flip(read("?", { stale: true }))
        expect(refusal, "it serves no more").toMatchObject({ _tag: "NodeStopped" })
      }).pipe(Effect.provide(start(bug)))
      yield* Effect.gen(function* () {
        const halted = yield* Effect.flip(Effect.flatMap(Replica, (replica) => replica.stopped))
        expect(halted).toMatchObject({ _tag: "ApplyFailed", reason: "malformed" })
        expect(yield* applied("?")).toBe("a")
      }).pipe(Effect.provide(start(malformed)))
      const mended = read("?").pipe(Effect.provide(node(disk)))
      expect(yield* mended, "a release that can apply it goes on").toBe("abb")
    })
  })
})
