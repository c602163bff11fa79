import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import type {
  GroupId,
  Incarnation,
  KeyId,
  LocalEpoch,
  MemberId,
  NodeName,
  OpeningId
} from "../../src/domain/Ids.ts"
import * as Limits from "../../src/domain/Limits.ts"
import * as LocalRecord from "../../src/domain/log/LocalRecord.ts"
import * as AdmissionAlone from "../../src/layers/AdmissionAlone.ts"
import * as LogEnvironmentMemory from "../../src/layers/LogEnvironmentMemory.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import * as OpeningLive from "../../src/layers/OpeningLive.ts"
import { Opening } from "../../src/services/Opening.ts"
import { PeerOpenings } from "../../src/services/PeerOpenings.ts"
import { csprng } from "../support/MemoryNode.ts"

const groupId = 0 as GroupId
const key = (id: number) => id as KeyId

interface Options {
  readonly seed?: number
  readonly nodeName?: string
}

/** A fresh layer: an opening of its own each time it is provided. */
const opened = (disk: MemoryDisk, { nodeName = "n1", seed = 1 }: Options = {}) =>
  OpeningLive.layer({ nodeName: nodeName as NodeName }).pipe(
    Layer.provide(AdmissionAlone.layer()),
    Layer.provide([LogEnvironmentMemory.layer({ disk, groupId }), csprng(seed)])
  )

/** Opens the disk, uses the opening, closes it. */
const during = <A, E>(
  disk: MemoryDisk,
  options: Options,
  use: (opening: Opening["Service"]) => Effect.Effect<A, E>
) => Effect.flatMap(Opening, use).pipe(Effect.provide(opened(disk, options)))

const identityOf = ({ clusterId, incarnation, groupId, memberId }: Opening["Service"]) => ({
  clusterId,
  incarnation,
  groupId,
  memberId
})

/** What is durable, read past the layers. */
const localOf = (disk: MemoryDisk) =>
  Result.getOrThrow(LocalRecord.decode(groupId, disk.local ?? Buffer.of()))

const withEpoch = (disk: MemoryDisk, keyId: KeyId, epoch: number) => {
  const epochs = new Map([[keyId, epoch as LocalEpoch]])
  disk.local = LocalRecord.encode({ ...localOf(disk), epochs })
}

describe("the identity of a data directory (SPEC §3)", () => {
  it.effect("is made once and kept, whatever the randomness of later openings", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const first = yield* during(disk, { seed: 1 }, (opening) =>
        Effect.succeed(identityOf(opening))
      )
      const second = yield* during(disk, { seed: 2 }, (opening) =>
        Effect.succeed(identityOf(opening))
      )
      expect(second).toEqual(first)
      expect(first.clusterId).toMatch(/^[0-9a-f]{32}$/)
      expect(first.incarnation).toMatch(/^[0-9a-f]{32}$/)
      expect(first.incarnation).not.toBe(first.clusterId)
      const other = yield* during(new MemoryDisk(), { seed: 3 }, (opening) =>
        Effect.succeed(identityOf(opening))
      )
      expect(other.clusterId).not.toBe(first.clusterId)
      expect(other.incarnation).not.toBe(first.incarnation)
    })
  )

  it.effect("is refused to another node name, and nothing is written", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      yield* during(disk, {}, () => Effect.void)
      const before = disk.local
      const error = yield* Effect.flip(during(disk, { nodeName: "n2" }, () => Effect.void))
      expect(error).toMatchObject({ _tag: "DirectoryOfAnotherNode", expected: "n2", found: "n1" })
      expect(disk.local).toBe(before)
      yield* during(disk, {}, ({ bootCount }) =>
        Effect.sync(() => expect(bootCount, "a refusal is no opening").toBe(2))
      )
    })
  )

  it.effect("is never made anew because its record is damaged", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      yield* during(disk, {}, () => Effect.void)
      const intact = disk.local!
      for (const at of [0, 20, intact.length - 1]) {
        const damaged = Buffer.from(intact)
        damaged[at]! ^= 1
        disk.local = damaged
        const error = yield* Effect.flip(during(disk, {}, () => Effect.void))
        expect(error).toMatchObject({ _tag: "RecordCorrupted", record: "local" })
        expect(disk.local).toBe(damaged)
      }
      disk.local = intact.subarray(0, 10)
      const error = yield* Effect.flip(during(disk, {}, () => Effect.void))
      expect(error).toMatchObject({ _tag: "RecordCorrupted", record: "local" })
    })
  )
})

describe("the boot count (SPEC §3)", () => {
  it.effect("goes up by one with each opening, and each opening has an id of its own", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const ids = new Set<string>()
      for (let count = 1; count <= 5; count++) {
        yield* during(disk, { seed: count }, ({ bootCount, openingId }) =>
          Effect.sync(() => {
            expect(bootCount).toBe(count)
            expect(localOf(disk).bootCount).toBe(count)
            expect(openingId).toMatch(/^[0-9a-f]{32}$/)
            ids.add(openingId)
          })
        )
      }
      expect(ids.size).toBe(5)
    })
  )

  it.effect("is durable before the layer is built", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      yield* during(disk, {}, () => Effect.void)
      disk.logWriteMillis = 10
      let isBuilt = false
      const opening = yield* Effect.forkChild(
        during(disk, { seed: 2 }, ({ bootCount }) =>
          Effect.sync(() => {
            isBuilt = true
            return bootCount
          })
        )
      )
      yield* TestClock.adjust(4)
      expect([isBuilt, localOf(disk).bootCount]).toEqual([false, 1])
      yield* TestClock.adjust(4)
      expect([isBuilt, localOf(disk).bootCount]).toEqual([false, 2])
      yield* TestClock.adjust(4)
      expect(yield* Fiber.join(opening)).toBe(2)
    })
  )

  it.effect("that cannot be written is no opening", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      yield* during(disk, {}, () => Effect.void)
      disk.nextLogFault = new Error("EIO")
      const error = yield* Effect.flip(during(disk, {}, () => Effect.void))
      expect(error).toMatchObject({ _tag: "LogWriteFailure" })
      expect(localOf(disk).bootCount).toBe(1)
    })
  )
})

describe("the epochs of an opening (SPEC §6)", () => {
  it.effect("go up once per opening and per key, and are durable before they are returned", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      for (let boot = 1; boot <= 3; boot++) {
        yield* during(disk, { seed: boot }, ({ currentEpoch, epochFor }) =>
          Effect.gen(function* () {
            expect(currentEpoch(key(5))).toBeUndefined()
            expect(yield* epochFor(key(5))).toBe(boot)
            expect(localOf(disk).epochs.get(key(5))).toBe(boot)
            expect(yield* epochFor(key(5))).toBe(boot)
            expect(currentEpoch(key(5))).toBe(boot)
            if (boot === 2) expect(yield* epochFor(key(9))).toBe(1)
          })
        )
      }
      expect(localOf(disk).epochs).toEqual(
        new Map([
          [5, 3],
          [9, 1]
        ])
      )
    })
  )

  it.effect("are one number for all who ask at once, and one write", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      yield* during(disk, {}, ({ epochFor }) =>
        Effect.gen(function* () {
          disk.logWriteMillis = 10
          const before = disk.journal.length
          const asked = Array.from({ length: 8 }, () => epochFor(key(5)))
          const fibre = yield* Effect.forkChild(Effect.all(asked, { concurrency: "unbounded" }))
          yield* TestClock.adjust(1000)
          expect(yield* Fiber.join(fibre)).toEqual(Array.from({ length: 8 }, () => 1))
          expect(disk.journal.length - before).toBe(1)
        })
      )
    })
  )

  it.effect(
    "are not returned before their write is durable, nor lost with an interrupted caller",
    () =>
      Effect.gen(function* () {
        const disk = new MemoryDisk()
        yield* during(disk, {}, ({ currentEpoch, epochFor }) =>
          Effect.gen(function* () {
            disk.logWriteMillis = 10
            const first = yield* Effect.forkChild(epochFor(key(5)), { startImmediately: true })
            yield* TestClock.adjust(4)
            expect(currentEpoch(key(5))).toBeUndefined()
            expect(first.pollUnsafe()).toBeUndefined()
            const interrupted = yield* Effect.forkChild(Fiber.interrupt(first))
            yield* TestClock.adjust(10)
            yield* Fiber.join(interrupted)
            expect(localOf(disk).epochs.get(key(5))).toBe(1)
            expect(yield* epochFor(key(5))).toBe(1)
          })
        )
      })
  )

  it.effect("that cannot be written are not handed out", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      yield* during(disk, {}, ({ currentEpoch, epochFor }) =>
        Effect.gen(function* () {
          disk.nextLogFault = new Error("EIO")
          expect(yield* Effect.flip(epochFor(key(5)))).toMatchObject({ _tag: "LogWriteFailure" })
          expect(currentEpoch(key(5))).toBeUndefined()
          expect(localOf(disk).epochs.size).toBe(0)
        })
      )
    })
  )

  it.effect("end at 65535: then LocalEpochExhausted, and never 0 again", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      yield* during(disk, {}, () => Effect.void)
      withEpoch(disk, key(5), Limits.localEpochMax - 1)
      yield* during(disk, {}, ({ epochFor }) =>
        Effect.gen(function* () {
          expect(yield* epochFor(key(5))).toBe(65535)
          expect(yield* epochFor(key(5))).toBe(65535)
        })
      )
      yield* during(disk, {}, ({ currentEpoch, epochFor }) =>
        Effect.gen(function* () {
          const before = disk.local
          const error = yield* Effect.flip(epochFor(key(5)))
          expect(error).toMatchObject({ _tag: "LocalEpochExhausted", keyId: 5 })
          expect(currentEpoch(key(5))).toBeUndefined()
          expect(disk.local).toBe(before)
          expect(yield* epochFor(key(6)), "another key has epochs of its own").toBe(1)
        })
      )
    })
  )
})

describe("the openings of peers (SPEC §3)", () => {
  const incarnation = (number: number) => number.toString(16).padStart(32, "0") as Incarnation
  const heard = (number: number, memberId: number) => ({
    incarnation: incarnation(number),
    memberId: memberId as MemberId,
    seen: { bootCount: 1, openingId: "c".repeat(32) as OpeningId }
  })
  const members = { incarnations: new Set([1, 2].map(incarnation)), nextMemberId: 3 as MemberId }
  const remembering = (disk: MemoryDisk, seed: number, heardOnes: ReadonlyArray<number>) =>
    Effect.gen(function* () {
      const openings = yield* PeerOpenings
      openings.know(members)
      return yield* Effect.forEach(heardOnes, (number) =>
        Effect.result(openings.remember(heard(number, number < 3 ? number : 99)))
      )
    }).pipe(Effect.provide(opened(disk, { seed })))

  it.effect(
    "of strangers are bounded, through openings too, and members' are never forgotten",
    () =>
      Effect.gen(function* () {
        const disk = new MemoryDisk()
        const many = Array.from({ length: 1000 }, (_, at) => at + 10)
        yield* remembering(disk, 1, [1])
        const results = yield* remembering(disk, 2, many)
        expect(results.filter(Result.isSuccess)).toHaveLength(Limits.strangersMax)
        expect(results.at(-1)).toMatchObject({ failure: { _tag: "PeerOpeningsFull" } })
        const [member] = yield* remembering(disk, 3, [2, ...many.map((number) => number + 5000)])
        expect(Result.isSuccess(member!)).toBe(true)
        const { peers } = localOf(disk)
        expect(peers.size).toBe(Limits.strangersMax + 2)
        expect([peers.has(incarnation(1)), peers.has(incarnation(2))]).toEqual([true, true])
      })
  )
})
