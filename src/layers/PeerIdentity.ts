/**
 * Who this node is to its peers, and how it judges who they say they are (SPEC §3, §9).
 *
 * What must never happen here: a peer let in before its opening is kept durably, or beside another
 * opening of the same directory. Proof: `test/layers/PeerIdentity.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Endpoint from "../domain/api/Endpoint.ts"
import type { MemberId } from "../domain/Ids.ts"
import { PeerRefused } from "../domain/peer/Errors.ts"
import * as Handshake from "../domain/peer/Handshake.ts"
import { Opening } from "../services/Opening.ts"
import { PeerOpenings } from "../services/PeerOpenings.ts"
import { Telemetry } from "../services/Telemetry.ts"
import type { Manners } from "./PeerDial.ts"
import type { PeerTable } from "./PeerTable.ts"

export interface PeerIdentity extends Manners {
  readonly memberId: MemberId
  /** What others are told; not the port 0 that this node was given. */
  readonly reachedAt: (bound: Endpoint.Endpoint) => void
  /** Reports a refusal, by either side, if it is news. */
  readonly refused: (refusal: PeerRefused) => void
}

export interface Options {
  readonly clientEndpoint: Effect.Effect<string | undefined>
  readonly table: () => PeerTable
}

export const make = Effect.fnUntraced(function* ({ clientEndpoint, table }: Options) {
  const { bootCount, clusterId, groupId, incarnation, memberId, nodeName, openingId } =
    yield* Opening
  const openings = yield* PeerOpenings
  const { report } = yield* Telemetry
  let address = ""
  const local: Handshake.Local = {
    clusterId,
    groupId,
    memberId,
    memberOf: (id) => table().peerOf(id),
    isNewer: (id) => table().isNewer(id),
    seenOf: openings.seenOf
  }
  const judged = (greeting: Handshake.Greeting) =>
    Effect.suspend(() => {
      const refusal = Handshake.refusalOf(greeting, local)
      return refusal === undefined ? Effect.void : Effect.fail(refusal)
    })
  const judge = Effect.fnUntraced(function* (greeting: Handshake.Greeting) {
    yield* judged(greeting)
    const { bootCount, incarnation, memberId, nodeName: peer, openingId } = greeting.node
    // A log that cannot be written stops the node; the peer is not let in.
    yield* Effect.mapError(
      openings.remember({ incarnation, memberId, seen: { bootCount, openingId } }),
      ({ _tag }) => {
        const reason = _tag === "PeerOpeningsFull" ? "tooManyStrangers" : "notReady"
        return new PeerRefused({ reason, peer, memberId })
      }
    )
    // Two openings of one boot count may come at once; only one of them has been kept.
    yield* judged(greeting)
  })
  const identity: PeerIdentity = {
    memberId,
    judge,
    reachedAt: (bound) => {
      address = Endpoint.format(bound)
    },
    greetingTo: (to) =>
      Effect.map(clientEndpoint, (endpoint = "") => {
        const node = { memberId, nodeName, incarnation, bootCount, openingId, endpoint, address }
        return { clusterId, groupId, node, to }
      }),
    refused: (refusal) => {
      if (!table().isNews(refusal)) return
      const { memberId: peer, message: detail, peer: name, reason } = refusal
      report({ _tag: "PeerRefused", peer, name, reason, detail })
    }
  }
  return identity
})
