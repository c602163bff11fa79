/**
 * What a node tells about itself while it works: counters, depths of its queues, events for its log.
 *
 * For the parts of one node only, each with its own; nothing decides by it. Everything is synchronous
 * and never fails, because the engine's loop calls it. Proof: `test/layers/Metrics.test.ts`.
 */
import * as Context from "effect/Context"
import type { Counters } from "../domain/telemetry/Counters.ts"
import type { NodeEvent } from "../domain/telemetry/NodeEvent.ts"

/** How much waits at this moment; each is put here by the part that owns the queue. */
export interface Depths {
  /** Inputs waiting for the engine's loop. */
  inboxCount: () => number
  /** User requests that are in no batch yet. */
  pendingCount: () => number
  pendingBytes: () => number
}

export class Telemetry extends Context.Service<
  Telemetry,
  {
    readonly counters: Counters
    readonly depths: Depths
    /** Writes one line to the log; for what happens seldom. */
    readonly report: (event: NodeEvent) => void
  }
>()("sealog/Telemetry") {}
