/** A node and a registry of a test's own, and what a scrape of it says. */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { memoryNode } from "./MemoryNode.ts"
import { cutOver, enableStorage, ready } from "./NodeCalls.ts"
import * as PrometheusText from "./PrometheusText.ts"

/** Runs `effect` with an empty registry. */
export const withRegistry = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => Effect.provideService(effect, Metric.MetricRegistry, new Map()))

export const scrape = Effect.map(PrometheusMetrics.format(), PrometheusText.parse)

type Labels = Readonly<Record<string, string>>

export const valueOf = (name: string, labels?: Labels) =>
  Effect.map(scrape, (found) => PrometheusText.valueOf(found, name, labels))

/** By how much each of these series grows while `effect` runs. */
export const growth = <A, E, R>(
  series: ReadonlyArray<readonly [name: string, labels?: Labels | undefined]>,
  effect: Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const before = yield* scrape
    yield* effect
    const after = yield* scrape
    const of = (found: PrometheusText.Scrape, [name, labels]: (typeof series)[number]) =>
      PrometheusText.valueOf(found, name, labels)
    return series.map((one) => of(after, one) - of(before, one))
  })

export type NodeServices = Layer.Success<ReturnType<typeof memoryNode>>

/** On a node of its own, with a registry of its own. */
export const onNode = <A, E, R extends NodeServices>(
  effect: Effect.Effect<A, E, R>,
  disk = new MemoryDisk(),
  seed = 1
) => withRegistry(effect.pipe(Effect.provide(memoryNode({ disk, seed }))))

export const sealingReady = Effect.flatMap(RaftEngine, (engine) => engine.sealingReady)

/** A node that has just begun, brought to this phase. */
export const enter = (phase: 0 | 1 | 2) =>
  Effect.gen(function* () {
    yield* ready
    if (phase >= 1) yield* Effect.andThen(enableStorage, sealingReady)
    if (phase === 2) yield* cutOver
  })
