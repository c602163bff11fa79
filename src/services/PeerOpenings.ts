/**
 * The newest opening that this node has seen of each incarnation of a peer, durably (SPEC §3).
 *
 * It is how a disk that was rolled back is found out: it comes with a smaller boot count, or with the
 * same one and another opening. Nodes that are no members, as far as this one knows, are bounded. What
 * must never happen: a peer let in before its opening is kept.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Incarnation } from "../domain/Ids.ts"
import type { LogWriteFailure } from "../domain/log/Errors.ts"
import type { PeerOpeningsFull } from "../domain/peer/Errors.ts"
import type { SeenOpening } from "../domain/peer/Handshake.ts"
import type { Heard, KnownMembers } from "../domain/peer/RememberedOpenings.ts"

export class PeerOpenings extends Context.Service<
  PeerOpenings,
  {
    readonly seenOf: (incarnation: Incarnation) => SeenOpening | undefined
    /** Whose openings are never forgotten. What others have left is forgotten by the next write. */
    readonly know: (members: KnownMembers) => void
    /** Returns when it is durable. Never replaces a newer one. */
    readonly remember: (heard: Heard) => Effect.Effect<void, LogWriteFailure | PeerOpeningsFull>
  }
>()("sealog/PeerOpenings") {}
