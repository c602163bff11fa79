/**
 * The newest opening that this node has seen of each incarnation of a peer, durably (SPEC §3).
 *
 * It is how a disk that was rolled back is found out: it comes with a smaller boot count, or with the
 * same one and another opening. What must never happen: a peer let in before its opening is kept.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Incarnation } from "../domain/Ids.ts"
import type { LogWriteFailure } from "../domain/log/Errors.ts"
import type { SeenOpening } from "../domain/peer/Handshake.ts"

export class PeerOpenings extends Context.Service<
  PeerOpenings,
  {
    readonly seenOf: (incarnation: Incarnation) => SeenOpening | undefined
    /** Returns when it is durable. Never replaces a newer one. */
    readonly remember: (
      incarnation: Incarnation,
      seen: SeenOpening
    ) => Effect.Effect<void, LogWriteFailure>
  }
>()("sealog/PeerOpenings") {}
