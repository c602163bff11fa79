/** A registry of a test's own, and what a scrape of it says. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
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
  series: ReadonlyArray<readonly [name: string, labels?: Labels]>,
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
