/**
 * The metrics of the process, under the names that Prometheus' own client libraries use.
 *
 * For `sealog serve`, which is the whole process; an embedder has its own. Proof:
 * `test/e2e/Metrics.test.ts`.
 */
import { performance } from "node:perf_hooks"
import * as Layer from "effect/Layer"
import * as MetricFamily from "./MetricFamily.ts"

const { counter, gauge } = MetricFamily

const families: ReadonlyArray<MetricFamily.Family> = [
  counter("process_cpu_seconds_total", "User and system CPU time", () => {
    const { system, user } = process.cpuUsage()
    return (system + user) / 1e6
  }),
  gauge("process_resident_memory_bytes", "Resident memory", () => process.memoryUsage.rss()),
  gauge(
    "nodejs_heap_size_used_bytes",
    "JavaScript heap in use",
    () => process.memoryUsage().heapUsed
  ),
  gauge(
    "process_start_time_seconds",
    "Start of the process, in seconds since 1970",
    () => performance.timeOrigin / 1_000
  ),
  counter(
    "nodejs_eventloop_active_seconds_total",
    "Time the event loop was busy; its rate is the load of the one thread that does everything",
    () => performance.eventLoopUtilization().active / 1_000
  )
]

export const layer: Layer.Layer<never> = Layer.effectDiscard(MetricFamily.register(families, {}))
