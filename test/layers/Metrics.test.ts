import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { KvStore, MemoryDisk, NodeName, Sealog } from "../../src/index.ts"
import { Applier } from "../../src/services/Applier.ts"
import { NodeConfig } from "../../src/services/NodeConfig.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import { settled, start } from "../support/Fibers.ts"
import { Gate, gatedNode } from "../support/GatedLog.ts"
import { kek, memoryNode } from "../support/MemoryNode.ts"
import { cutOver, enableStorage, get, put, ready, text } from "../support/NodeCalls.ts"
import {
  enter,
  growth,
  type NodeServices,
  onNode,
  scrape,
  sealingReady,
  valueOf,
  withRegistry
} from "../support/Scraping.ts"

describe("the metrics of a node", () => {
  it.effect("are all there from the start, each with its node and group, and with zeros", () =>
    onNode(
      Effect.gen(function* () {
        const families = [...(yield* scrape).values()]
        expect(families.length).toBeGreaterThan(35)
        for (const { name, samples, type } of families) {
          expect(name).toMatch(/^sealog_/)
          for (const { labels, value } of samples) {
            expect(labels).toMatchObject({ node: "n1", group: "0" })
            const isBegun = /^sealog_(entries_applied|leaderships)_total$/.test(name)
            if (type === "counter" && !isBegun) expect(value, name).toBe(0)
          }
        }
      })
    )
  )

  it.effect("leave the registry when the node is closed", () =>
    withRegistry(
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        yield* Layer.buildWithScope(memoryNode({ disk: new MemoryDisk() }), scope)
        expect(yield* Metric.snapshot).not.toEqual([])
        yield* Scope.close(scope, Exit.void)
        expect(yield* Metric.snapshot).toEqual([])
      })
    )
  )

  it.effect("of two nodes in one process are kept apart", () =>
    withRegistry(
      Effect.gen(function* () {
        const build = (nodeName: string, seed: number) =>
          Layer.build(memoryNode({ disk: new MemoryDisk(), nodeName, seed }))
        const [a, b] = [yield* build("a", 1), yield* build("b", 2)]
        yield* Effect.provideContext(Effect.andThen(enter(2), put("k", "v")), a)
        yield* Effect.provideContext(Effect.andThen(ready, put("k", "v")), b)
        yield* Effect.provideContext(put("k", "w"), b)
        const of = (node: string, name: string, labels = {}) => valueOf(name, { node, ...labels })
        for (const [node, puts, sealed, phase] of [
          ["a", 1, 1, 2],
          ["b", 2, 0, 0]
        ] as const) {
          expect(yield* of(node, "sealog_proposals_total", { outcome: "applied" })).toBe(puts)
          expect(yield* of(node, "sealog_seals_total", { envelope: "raft" })).toBe(sealed)
          expect(yield* of(node, "sealog_encryption_phase")).toBe(phase)
        }
      })
    )
  )

  it.effect("of two nodes provided one inside the other are kept apart", () =>
    withRegistry(
      Effect.gen(function* () {
        yield* Effect.andThen(ready, put("k", "v"))
        const inner = Effect.andThen(ready, put("k", "v")).pipe(
          Effect.andThen(put("k", "w")),
          Effect.andThen(scrape),
          Effect.provide(memoryNode({ disk: new MemoryDisk(), nodeName: "b", seed: 2 }))
        )
        const found = yield* inner
        const applied = found.get("sealog_proposals_total")!.samples
        const of = (node: string) =>
          applied.find(({ labels }) => labels.node === node && labels.outcome === "applied")?.value
        expect([of("a"), of("b")]).toEqual([1, 2])
      }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk(), nodeName: "a" })))
    )
  )
})

describe("a program that embeds a node", () => {
  it.effect("finds its metrics beside its own, in its own registry and under its own labels", () =>
    withRegistry(
      Effect.gen(function* () {
        yield* Metric.update(Metric.counter("accounts_total", { description: "Its own" }), 3)
        const nodeName = NodeName.make("ledger")
        const node = Sealog.layerKvMemory({ disk: new MemoryDisk(), nodeName })
        yield* Effect.gen(function* () {
          const store = yield* KvStore
          yield* store.put(text("k"), text("v"))
          const labels = { node: "ledger", group: "0", region: "north" }
          const applied = { ...labels, outcome: "applied" }
          expect(yield* valueOf("sealog_proposals_total", applied)).toBe(1)
          expect(yield* valueOf("accounts_total")).toBe(3)
        }).pipe(
          Effect.provide(Layer.provide(node, [kek(), Logger.layer([])])),
          Effect.provideService(Metric.CurrentMetricAttributes, { region: "north" })
        )
      })
    )
  )
})

describe("each number moves when what it counts happens", () => {
  type Series = Parameters<typeof growth>[0][number]
  interface Case {
    readonly name: string
    readonly given: 0 | 1 | 2
    readonly when: Effect.Effect<unknown, unknown, NodeServices>
    readonly grows: ReadonlyArray<readonly [...Series, by: number]>
  }
  const envelope = (kind: "raft" | "storage") => ({ envelope: kind })
  const outcome = (fate: string) => ({ outcome: fate })
  const cases: ReadonlyArray<Case> = [
    {
      name: "a write in phase 0",
      given: 0,
      when: put("a", "1"),
      grows: [
        ["sealog_proposals_total", outcome("applied"), 1],
        ["sealog_proposals_total", outcome("refused"), 0],
        ["sealog_batches_total", {}, 1],
        ["sealog_batch_requests_sum", {}, 1],
        ["sealog_batch_requests_bucket", { le: "1" }, 1],
        ["sealog_entries_appended_total", {}, 1],
        ["sealog_entries_applied_total", {}, 1],
        ["sealog_log_sync_seconds_count", {}, 1],
        ["sealog_apply_seconds_count", {}, 1],
        ["sealog_log_last_index", {}, 1],
        ["sealog_committed_index", {}, 1],
        ["sealog_applied_index", {}, 1],
        ["sealog_revision", {}, 1],
        ["sealog_seals_total", envelope("raft"), 0],
        ["sealog_seals_total", envelope("storage"), 0],
        ["sealog_nonce_write_count", {}, 0]
      ]
    },
    {
      name: "a write in phase 1",
      given: 1,
      when: put("a", "1"),
      grows: [
        ["sealog_seals_total", envelope("storage"), 1],
        ["sealog_seals_total", envelope("raft"), 0]
      ]
    },
    {
      name: "a write in phase 2",
      given: 2,
      when: put("a", "1"),
      grows: [
        ["sealog_seals_total", envelope("storage"), 1],
        ["sealog_seals_total", envelope("raft"), 1],
        ["sealog_opens_total", envelope("raft"), 1],
        ["sealog_opens_total", envelope("storage"), 0],
        ["sealog_nonce_write_count", {}, 1]
      ]
    },
    {
      name: "a read of a sealed value",
      given: 2,
      when: Effect.andThen(put("a", "1"), get("a")),
      grows: [
        ["sealog_opens_total", envelope("storage"), 1],
        ["sealog_open_failures_total", { ...envelope("storage"), reason: "tagMismatch" }, 0],
        ["sealog_proposals_total", outcome("applied"), 1]
      ]
    },
    {
      name: "writes that arrive together",
      given: 0,
      when: Effect.all([put("a", "1"), put("b", "2"), put("c", "3")], { concurrency: 3 }),
      grows: [
        ["sealog_proposals_total", outcome("applied"), 3],
        ["sealog_batch_requests_sum", {}, 3]
      ]
    },
    {
      name: "enabling the storage envelope",
      given: 0,
      when: Effect.andThen(enableStorage, sealingReady),
      grows: [
        ["sealog_encryption_phase", {}, 1],
        ["sealog_local_epoch", {}, 1],
        ["sealog_proposals_total", outcome("applied"), 0]
      ]
    },
    {
      name: "the cutover",
      given: 1,
      when: cutOver,
      grows: [
        ["sealog_encryption_phase", {}, 1],
        ["sealog_cutovers_total", { end: "CutOver" }, 1],
        ["sealog_cutover_index", {}, 6],
        ["sealog_barrier_closed", {}, 0]
      ]
    }
  ]
  it.effect.each(cases)("$name", ({ given, grows, when }) =>
    onNode(
      Effect.gen(function* () {
        yield* enter(given)
        const series = grows.map(([name, labels]) => [name, labels] as const)
        const found = yield* growth(series, when)
        expect(series.map((one, at) => [...one, found[at]])).toEqual(grows)
      })
    )
  )

  it.effect("the time of a sync is that of the clock, and a slow one is in its bucket", () => {
    const disk = new MemoryDisk()
    return onNode(
      Effect.gen(function* () {
        yield* ready
        disk.logWriteMillis = 300
        const series = [
          ["sealog_log_sync_seconds_sum"],
          ["sealog_log_sync_seconds_bucket", { le: "0.256" }],
          ["sealog_log_sync_seconds_bucket", { le: "0.512" }]
        ] as const
        const slowPut = Effect.gen(function* () {
          const write = yield* start(put("a", "1"))
          for (let at = 0; at < 4; at++) {
            yield* settled
            yield* TestClock.adjust(150)
          }
          yield* Fiber.join(write)
        })
        const [sum, below, at] = yield* growth(series, slowPut)
        expect([below, at]).toEqual([0, 1])
        expect(sum).toBeCloseTo(0.3, 9)
      }),
      disk
    )
  })

  it.effect("a barrier that is closed says so, and for how long", () =>
    onNode(
      Effect.gen(function* () {
        yield* enter(1)
        const barrier = yield* QuiescenceBarrier
        barrier.close()
        yield* TestClock.adjust("3 seconds")
        expect(yield* valueOf("sealog_barrier_closed")).toBe(1)
        expect(yield* valueOf("sealog_barrier_closed_for_seconds")).toBe(3)
        const refused = [["sealog_proposal_refusals_total", { reason: "CutoverInFlight" }]] as const
        expect(yield* growth(refused, Effect.flip(put("a", "1")))).toEqual([1])
        barrier.open()
        expect(yield* valueOf("sealog_barrier_closed")).toBe(0)
        expect(yield* valueOf("sealog_barrier_closed_for_seconds")).toBe(0)
      })
    )
  )

  it.effect("what waits is seen while it waits", () => {
    const gate = new Gate()
    const disk = new MemoryDisk()
    return withRegistry(
      Effect.gen(function* () {
        yield* ready
        gate.close()
        const first = yield* start(put("a", "1"))
        yield* gate.reached
        const waiting = [yield* start(put("b", "2")), yield* start(put("c", "3"))]
        const read = yield* start(get("a"))
        yield* settled
        expect(yield* valueOf("sealog_pending_requests")).toBe(2)
        expect(yield* valueOf("sealog_pending_bytes")).toBeGreaterThan(4)
        expect(yield* valueOf("sealog_barrier_in_flight")).toBe(3)
        expect(yield* valueOf("sealog_inbox_inputs")).toBe(1)
        gate.open()
        yield* Fiber.awaitAll([first, ...waiting, read])
        for (const name of ["pending_requests", "pending_bytes", "barrier_in_flight"]) {
          expect(yield* valueOf(`sealog_${name}`), name).toBe(0)
        }
      }).pipe(Effect.provide(gatedNode({ disk, gate })))
    )
  })

  it.effect("the flushed index is that of what is durable, and may lag", () => {
    const disk = new MemoryDisk()
    return onNode(
      Effect.gen(function* () {
        yield* ready
        disk.flush()
        const { index } = (yield* Applier).position
        yield* put("a", "1")
        expect(yield* valueOf("sealog_applied_index")).toBe(index + 1)
        expect(yield* valueOf("sealog_flushed_index")).toBe(index)
        disk.flush()
        expect(yield* valueOf("sealog_flushed_index")).toBe(index + 1)
      }),
      disk
    )
  })

  it.effect("low space is seen, with its marks, and in the refusals", () => {
    const disk = new MemoryDisk()
    return onNode(
      Effect.gen(function* () {
        yield* ready
        const { freeBytesHalt, freeBytesMin } = yield* NodeConfig
        expect(yield* valueOf("sealog_free_bytes_mark", { mark: "refuse" })).toBe(freeBytesMin)
        expect(yield* valueOf("sealog_free_bytes_mark", { mark: "halt" })).toBe(freeBytesHalt)
        disk.freeBytes = freeBytesMin - 1
        expect(yield* valueOf("sealog_free_bytes")).toBe(freeBytesMin - 1)
        const refused = [["sealog_proposal_refusals_total", { reason: "SpaceLow" }]] as const
        expect(yield* growth(refused, Effect.flip(put("a", "1")))).toEqual([1])
      }),
      disk
    )
  })
})
