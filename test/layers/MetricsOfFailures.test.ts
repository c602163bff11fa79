/** The numbers an operator is woken for, made to grow by damaged entries, values and disks. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { GroupId, LocalEpoch } from "../../src/domain/Ids.ts"
import * as EntryRecord from "../../src/domain/log/EntryRecord.ts"
import * as LocalRecord from "../../src/domain/log/LocalRecord.ts"
import { keyText } from "../../src/domain/state/Changes.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { Applier } from "../../src/services/Applier.ts"
import { NodeStatus } from "../../src/services/NodeStatus.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { settled } from "../support/Fibers.ts"
import { get, put, ready, text } from "../support/NodeCalls.ts"
import { enter, growth, onNode, scrape, sealingReady, valueOf } from "../support/Scraping.ts"

const groupId = 0 as GroupId

describe("a number that must stay zero", () => {
  /** A node that has cut over and sealed one value, then lost its applied state above the marker. */
  const laggingDisk = Effect.gen(function* () {
    const disk = new MemoryDisk()
    const write = Effect.gen(function* () {
      yield* enter(2)
      disk.flush()
      yield* put("a", "1")
      return (yield* Applier).position.index
    })
    const index = yield* onNode(write, disk)
    disk.crash({ keptCommits: 0 })
    return { disk, index }
  })

  it.effect("grows when an entry does not open", () =>
    Effect.gen(function* () {
      const { disk, index } = yield* laggingDisk
      const record = EntryRecord.decode(groupId, index, disk.entries.get(index)!)
      if (record._tag === "Failure") return expect.unreachable()
      const data = Buffer.from(record.success.data)
      data[data.length - 1]! ^= 1
      disk.entries.set(index, EntryRecord.encode(groupId, { ...record.success, data }))
      const halted = Effect.gen(function* () {
        yield* Effect.flip(Effect.flatMap(RaftEngine, (engine) => engine.stopped))
        const failures = { envelope: "raft", reason: "tagMismatch" }
        expect(yield* valueOf("sealog_open_failures_total", failures)).toBe(1)
        expect(yield* valueOf("sealog_applied_index")).toBe(index - 1)
        const refused = [["sealog_proposal_refusals_total", { reason: "NodeStopped" }]] as const
        expect(yield* growth(refused, Effect.flip(put("a", "1")))).toEqual([1])
      })
      yield* onNode(halted, disk, 2)
    })
  )

  it.effect("grows when a stored value does not open", () => {
    const disk = new MemoryDisk()
    return onNode(
      Effect.gen(function* () {
        yield* enter(1)
        yield* put("a", "1")
        disk.flush()
        for (const tables of [disk.tables, disk.durableTables]) {
          const stored = Buffer.from(tables.kv.get(keyText(text("a")))!)
          stored[stored.length - 1]! ^= 1
          tables.kv.set(keyText(text("a")), stored)
        }
        const failures = { envelope: "storage", reason: "tagMismatch" }
        const series = [["sealog_open_failures_total", failures]] as const
        expect(yield* growth(series, Effect.flip(get("a")))).toEqual([1])
      }),
      disk
    )
  })

  it.effect.each(["LocalEpochRollback", "LocalEpochExhausted"] as const)(
    "is 1 for %s, which status says too",
    (reason) =>
      Effect.gen(function* () {
        const disk = new MemoryDisk()
        const keyId = yield* onNode(
          Effect.andThen(
            enter(1),
            Effect.map(Applier, ({ sidecar }) => sidecar.active.raft)
          ),
          disk
        )
        const copy = disk.local!
        if (reason === "LocalEpochRollback") {
          yield* onNode(Effect.andThen(ready, sealingReady), disk, 2)
          disk.local = copy
        } else {
          const local = LocalRecord.decode(groupId, copy)
          if (local._tag === "Failure") return expect.unreachable()
          const epochs = new Map([[keyId, 0xffff as LocalEpoch]])
          disk.local = LocalRecord.encode({ ...local.success, epochs })
        }
        const renounced = Effect.gen(function* () {
          const engine = yield* RaftEngine
          const status = (yield* NodeStatus).read
          while (engine.status().role !== "Follower") yield* Effect.yieldNow
          yield* settled
          expect(status().candidacyRenounced).toBe(reason)
          for (const { labels, value } of (yield* scrape).get("sealog_candidacy_renounced")!
            .samples) {
            expect(value, labels.reason).toBe(labels.reason === reason ? 1 : 0)
          }
          expect(yield* valueOf("sealog_raft_is_leader")).toBe(0)
          expect(yield* valueOf("sealog_raft_role", { role: "Follower" })).toBe(1)
        })
        yield* onNode(renounced, disk, 3)
      })
  )
})
