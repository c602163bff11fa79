import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as AppliedRecord from "../../src/domain/apply/AppliedRecord.ts"
import * as SidecarRecord from "../../src/domain/encryption/SidecarRecord.ts"
import type { GroupId, LogIndex, Term } from "../../src/domain/Ids.ts"
import * as SnapshotPointer from "../../src/domain/log/SnapshotPointer.ts"
import * as SnapshotPointerRecord from "../../src/domain/log/SnapshotPointerRecord.ts"
import { tables } from "../../src/domain/state/StateTransaction.ts"
import * as KekProviderNone from "../../src/layers/KekProviderNone.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { Applier } from "../../src/services/Applier.ts"
import { kek, type MemoryNodeOptions, memoryNode } from "../support/MemoryNode.ts"
import { cutOver, enableStorage, get, put, ready } from "../support/NodeCalls.ts"

const groupId = 0 as GroupId
const appliedKey = Buffer.from([0]).toString("latin1")

const index = (value: number) => value as LogIndex

/** A disk on which a node has made a few entries, in the phase asked for. */
const usedDisk = ({ phase, seed = 1 }: { readonly phase: 0 | 1 | 2; readonly seed?: number }) =>
  Effect.gen(function* () {
    const disk = new MemoryDisk()
    yield* Effect.gen(function* () {
      yield* ready
      if (phase > 0) yield* enableStorage
      if (phase > 1) yield* cutOver
      yield* put("a", "1")
      yield* put("b", "2")
    }).pipe(Effect.provide(memoryNode({ disk, seed })))
    return disk
  })

const appliedOf = (disk: MemoryDisk) =>
  Result.getOrThrow(AppliedRecord.decode(groupId, disk.tables.applied.get(appliedKey)!))

const setApplied = (disk: MemoryDisk, value: number) => {
  const applied = { ...appliedOf(disk), index: index(value) }
  disk.tables.applied.set(appliedKey, AppliedRecord.encode(groupId, applied))
}

/** Everything that is on the disk but the node's own record. */
const contentOf = (disk: MemoryDisk) => ({
  entries: [...disk.entries].map(([at, record]) => [at, record.toString("hex")]),
  meta: [...disk.meta].map(([name, record]) => [name, record.toString("hex")]),
  tables: tables.map((table) => disk.tables[table].range({}))
})

const open = (options: MemoryNodeOptions) => Effect.void.pipe(Effect.provide(memoryNode(options)))

/**
 * The error of a start that is refused: one sentence that says what to do, and nothing was written
 * but, where the node is the right one, that it was opened.
 */
const refusalOf = (options: MemoryNodeOptions) =>
  Effect.gen(function* () {
    const { disk } = options
    const before = contentOf(disk)
    const journaled = disk.journal.length
    const error = yield* Effect.flip(open(options))
    expect(contentOf(disk)).toEqual(before)
    const written = disk.journal
      .slice(journaled)
      .map((record) => (record.environment === "log" ? record.changes.operation : "state"))
    expect(["", "write local record"]).toContain(written.join())
    expect(disk.isOpen, "the disk is free again").toBe(false)
    expect(error.message).not.toMatch(/[\n]|\.\s|\.$/)
    return { error, written }
  })

const opensWith = (options: MemoryNodeOptions) =>
  Effect.gen(function* () {
    yield* ready
    expect(yield* get("b")).toBe("2")
  }).pipe(Effect.provide(memoryNode(options)))

describe("a node whose state is not of its log (SPEC §17)", () => {
  it.effect("does not start on an applied index above the log", () =>
    Effect.gen(function* () {
      const disk = yield* usedDisk({ phase: 0 })
      const { index: applied } = appliedOf(disk)
      setApplied(disk, applied + 1)
      const { error } = yield* refusalOf({ disk })
      expect(error).toMatchObject({
        _tag: "AppliedIndexOutsideLog",
        appliedIndex: applied + 1,
        firstIndex: 1,
        lastIndex: applied
      })
      expect(error.message).toContain("restore both together")
      setApplied(disk, applied)
      yield* opensWith({ disk })
    })
  )

  it.effect("does not start on one below the first entry, which the log cannot replay to", () =>
    Effect.gen(function* () {
      const disk = yield* usedDisk({ phase: 0 })
      const { index: applied } = appliedOf(disk)
      const compactTo = (last: number) => {
        for (let at = 1; at <= last; at++) disk.entries.delete(at)
        const pointer = { ...SnapshotPointer.initial, index: index(last), term: 1 as Term }
        disk.meta.set("snapshotPointer", SnapshotPointerRecord.encode(groupId, pointer))
      }
      compactTo(2)
      setApplied(disk, 1)
      const { error } = yield* refusalOf({ disk })
      expect(error).toMatchObject({
        _tag: "AppliedIndexOutsideLog",
        appliedIndex: 1,
        firstIndex: 3,
        lastIndex: applied
      })
      expect(error.message).toContain("restore both together")
      setApplied(disk, applied)
      yield* opensWith({ disk })
    })
  )

  it.effect("starts on the first and the last index that the log can continue", () =>
    Effect.gen(function* () {
      const disk = yield* usedDisk({ phase: 0 })
      const last = appliedOf(disk).index
      yield* open({ disk })
      disk.entries.delete(1)
      const pointer = { ...SnapshotPointer.initial, index: index(1), term: 1 as Term }
      disk.meta.set("snapshotPointer", SnapshotPointerRecord.encode(groupId, pointer))
      setApplied(disk, 1)
      yield* Effect.gen(function* () {
        yield* ready
        expect((yield* Applier).position.index).toBeGreaterThan(last)
      }).pipe(Effect.provide(memoryNode({ disk })))
    })
  )

  it.effect("does not start on the state of another cluster", () =>
    Effect.gen(function* () {
      const disk = yield* usedDisk({ phase: 0 })
      const other = yield* usedDisk({ phase: 0, seed: 2 })
      const own = disk.tables
      disk.tables = other.tables
      const { error } = yield* refusalOf({ disk })
      expect(error).toMatchObject({ _tag: "DirectoryOfAnotherCluster" })
      expect(error.message).toContain("do not mix directories")
      disk.tables = own
      yield* opensWith({ disk })
    })
  )

  it.effect("does not start on a log whose snapshot tells another story of the cutover", () =>
    Effect.gen(function* () {
      const disk = yield* usedDisk({ phase: 2 })
      const { index: last, term } = appliedOf(disk)
      const pointTo = (cutover: number) => {
        const pointer = { ...SnapshotPointer.initial, index: last, term, cutover: index(cutover) }
        disk.meta.set("snapshotPointer", SnapshotPointerRecord.encode(groupId, pointer))
        disk.entries.clear()
      }
      const record = disk.tables.sidecar.get(appliedKey)!
      const sidecar = Result.getOrThrow(SidecarRecord.decodeRecord(groupId, record))
      const own = sidecar.raftEnvelopeCutoverIndex
      for (const cutover of [0, own - 1]) {
        pointTo(cutover)
        const { error } = yield* refusalOf({ disk })
        expect(error).toMatchObject({
          _tag: "EnvelopeCutoverDivergence",
          snapshotIndex: last,
          snapshotCutover: cutover,
          sidecarCutover: own,
          appliedIndex: last
        })
        expect(error.message).toContain("restore this node from its peers")
      }
      pointTo(own)
      yield* opensWith({ disk })
    })
  )

  it.effect("says whose state it is before it says how far it is", () =>
    Effect.gen(function* () {
      const disk = yield* usedDisk({ phase: 0 })
      disk.tables = (yield* usedDisk({ phase: 1, seed: 2 })).tables
      setApplied(disk, 999)
      const { error } = yield* refusalOf({ disk, kek: KekProviderNone.layer })
      expect(error).toMatchObject({ _tag: "DirectoryOfAnotherCluster" })
    })
  )
})

describe("a node whose keys are sealed (SPEC §4, §17)", () => {
  it.effect.each([1, 2] as const)("in phase %i does not start under another KEK", (phase) =>
    Effect.gen(function* () {
      const disk = yield* usedDisk({ phase })
      const { error } = yield* refusalOf({ disk, kek: kek(8) })
      expect(error).toMatchObject({ _tag: "KekMismatch", keyIds: { length: 2 } })
      expect(error.message).toContain("start the node with the KEK")
      yield* opensWith({ disk, seed: 2 })
    })
  )

  it.effect.each([1, 2] as const)("in phase %i does not start without a KEK", (phase) =>
    Effect.gen(function* () {
      const disk = yield* usedDisk({ phase })
      const { error } = yield* refusalOf({ disk, kek: KekProviderNone.layer })
      expect(error).toMatchObject({ _tag: "KekUnavailable", reason: "notConfigured" })
      expect(error.message).toContain("--kek-file")
      expect(error.message).toContain("start the node again")
      yield* opensWith({ disk, seed: 2 })
    })
  )

  it.effect("in phase 0 starts without one", () =>
    Effect.gen(function* () {
      const disk = yield* usedDisk({ phase: 0 })
      yield* opensWith({ disk, kek: KekProviderNone.layer })
      yield* opensWith({ disk, kek: kek(9) })
    })
  )
})

describe("a directory of another node (SPEC §3)", () => {
  it.effect("is refused, and not even its opening is counted", () =>
    Effect.gen(function* () {
      const disk = yield* usedDisk({ phase: 2 })
      const local = disk.local
      const { error, written } = yield* refusalOf({ disk, nodeName: "n2" })
      expect(error).toMatchObject({ _tag: "DirectoryOfAnotherNode", expected: "n2", found: "n1" })
      expect(error.message).toContain("start it under its own name")
      expect(written).toEqual([])
      expect(disk.local).toBe(local)
      yield* opensWith({ disk, seed: 2 })
    })
  )

  it.effect("that is in use is refused to a second node of the same name", () =>
    Effect.gen(function* () {
      const disk = yield* usedDisk({ phase: 0 })
      yield* Effect.gen(function* () {
        yield* ready
        const journaled = disk.journal.length
        const error = yield* Effect.flip(open({ disk, seed: 2 }))
        expect(error).toMatchObject({ _tag: "DataDirectoryLocked" })
        expect(error.message).toContain("stop it first")
        expect(disk.journal).toHaveLength(journaled)
        expect(yield* get("b"), "the first goes on").toBe("2")
      }).pipe(Effect.provide(memoryNode({ disk })))
    })
  )
})

describe("a start whose disk does not take writes (SPEC §8)", () => {
  it.effect("is refused before anything is served", () =>
    Effect.gen(function* () {
      const disk = yield* usedDisk({ phase: 2 })
      disk.nextLogFault = new Error("EROFS")
      const error = yield* Effect.flip(open({ disk, seed: 2 }))
      expect(error).toMatchObject({ _tag: "LogWriteFailure" })
      expect(error.message).toContain("check the disk")
      disk.nextLogFault = undefined
      yield* opensWith({ disk, seed: 2 })
    })
  )
})
