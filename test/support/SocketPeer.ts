/** What a socket transport is built on, of a member that was made up. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Incarnation } from "../../src/domain/Ids.ts"
import type * as Handshake from "../../src/domain/peer/Handshake.ts"
import type { NodeEvent } from "../../src/domain/telemetry/NodeEvent.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import * as TelemetryLive from "../../src/layers/TelemetryLive.ts"
import { Introductions } from "../../src/services/Introductions.ts"
import type { NodeSettings } from "../../src/services/NodeConfig.ts"
import { Opening } from "../../src/services/Opening.ts"
import { PeerOpenings } from "../../src/services/PeerOpenings.ts"
import { Telemetry } from "../../src/services/Telemetry.ts"
import { openingOf } from "./PeerIdentities.ts"

export interface SocketPeerOptions {
  readonly opening?: Partial<Opening["Service"]>
  readonly settings?: Partial<NodeSettings>
}

/** With what it reports, and whom it has seen. */
export function socketPeer(id: number, options: SocketPeerOptions = {}) {
  const events: Array<NodeEvent> = []
  const seen = new Map<Incarnation, Handshake.SeenOpening>()
  const opening = openingOf(id, options.opening)
  const telemetry = Layer.effect(
    Telemetry,
    Effect.map(Telemetry, (live) => ({ ...live, report: (event) => void events.push(event) }))
  ).pipe(Layer.provide(TelemetryLive.layer(opening)))
  const parts = Layer.mergeAll(
    Layer.succeed(Opening, opening),
    Layer.succeed(PeerOpenings, {
      seenOf: (incarnation) => seen.get(incarnation),
      know: () => {},
      remember: ({ incarnation, seen: opened }) =>
        Effect.sync(() => void seen.set(incarnation, opened))
    }),
    Layer.succeed(Introductions, {
      answer: () => ({ _tag: "Waiting", leader: undefined }),
      newest: () => undefined,
      attach: () => {}
    }),
    NodeConfigLive.layer({ peerBackoffMillis: { min: 1, max: 20 }, ...options.settings }),
    telemetry
  )
  return { parts, events, seen }
}
