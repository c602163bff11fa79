/**
 * Numbers that live elsewhere, as Effect metrics: read when somebody takes a snapshot, never pushed.
 *
 * So the parts of a node pay for an addition and for nothing else, a metric is there from the start
 * with its zero, and an embedder's own exporter finds ours beside its own.
 * Proof: `test/layers/Metrics.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import type { HistogramState } from "../domain/telemetry/Histogram.ts"

export type Labels = Readonly<Record<string, string>>

/** One line of a family. */
export interface Series<Value> {
  readonly labels: Labels
  readonly read: () => Value
}

interface Named {
  readonly name: string
  /** The HELP line: what is counted, and its unit if the name has none. */
  readonly help: string
}

/** All series of one name. */
export type Family =
  | (Named & {
      readonly type: "counter" | "gauge"
      readonly series: ReadonlyArray<Series<number>>
    })
  | (Named & {
      readonly type: "histogram"
      readonly series: ReadonlyArray<Series<HistogramState>>
    })

const unlabelled = <Value>(read: () => Value): ReadonlyArray<Series<Value>> => [
  { labels: {}, read }
]

/** A family of one series. */
export const counter = (name: string, help: string, read: () => number): Family => ({
  ...{ name, help, type: "counter" },
  series: unlabelled(read)
})

export const gauge = (name: string, help: string, read: () => number): Family => ({
  ...{ name, help, type: "gauge" },
  series: unlabelled(read)
})

export const histogram = (name: string, help: string, read: () => HistogramState): Family => ({
  ...{ name, help, type: "histogram" },
  series: unlabelled(read)
})

/** One series for each field of a record, under its name. */
export const seriesOf = (
  label: string,
  record: Readonly<Record<string, number>>,
  labels: Labels = {}
): ReadonlyArray<Series<number>> =>
  Object.keys(record).map((name) => ({
    labels: { ...labels, [label]: name },
    read: () => record[name]!
  }))

/** One series for each of these states: 1 for the one it is in, 0 for the others. */
export const stateSet = <State extends string>(
  label: string,
  states: ReadonlyArray<State>,
  current: () => State | undefined
): ReadonlyArray<Series<number>> =>
  states.map((state) => ({
    labels: { [label]: state },
    read: () => (current() === state ? 1 : 0)
  }))

const ignore = () => {}

/**
 * Puts the families into the registry of the current context, each series with `labels` beside its
 * own, and takes them out when the scope closes.
 */
export const register = (
  families: ReadonlyArray<Family>,
  labels: Labels
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.contextWith((context) =>
        Effect.sync(() => families.flatMap((family) => registrations(family, labels)(context)))
      ),
      (registered) =>
        Effect.sync(() => {
          for (const { remove } of registered) remove()
        })
    )
  )

type MetricContext = Parameters<typeof Metric.snapshotUnsafe>[0]

const registrations =
  ({ help: description, name, series, type }: Family, labels: Labels) =>
  (context: MetricContext): ReadonlyArray<Metric.Registration> => {
    const writes = { update: ignore, modify: ignore }
    switch (type) {
      case "counter":
        return series.map(({ labels: own, read }) => {
          const metric = Metric.counter(name, { description, attributes: { ...labels, ...own } })
          const get = () => ({ count: read(), incremental: true })
          return Metric.registerUnsafe(metric, context, { get, ...writes })
        })
      case "gauge":
        return series.map(({ labels: own, read }) => {
          const metric = Metric.gauge(name, { description, attributes: { ...labels, ...own } })
          return Metric.registerUnsafe(metric, context, {
            get: () => ({ value: read() }),
            ...writes
          })
        })
      case "histogram":
        return series.map(({ labels: own, read }) => {
          const boundaries = read().buckets.map(([bound]) => bound)
          const attributes = { ...labels, ...own }
          const metric = Metric.histogram(name, { description, attributes, boundaries })
          return Metric.registerUnsafe(metric, context, { get: read, ...writes })
        })
    }
  }
