/**
 * Finds out where this node listens for its peers (SPEC §15).
 *
 * Its row among the members says so, or the entry of its log that adds it, or, while it has neither, the
 * command line. A cluster of one may be started with another address, because nobody dials the old one;
 * `PeerAddressUpdate` then writes it down. What must never happen here: a node that listens where its
 * peers do not dial.
 * Proof: `test/layers/PeerAddress.test.ts`, `test/e2e/Cluster.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Endpoint from "../domain/api/Endpoint.ts"
import type { LogIndex, MemberId } from "../domain/Ids.ts"
import * as Limits from "../domain/Limits.ts"
import type { Member } from "../domain/members/Member.ts"
import * as MembersContext from "../domain/members/MembersContext.ts"
import { PeerAddressDiffers, PeerAddressUnknown } from "../domain/peer/Errors.ts"
import * as MembershipChange from "../domain/raft/MembershipChange.ts"
import { Applier } from "../services/Applier.ts"
import { Opening } from "../services/Opening.ts"
import { PeerAddress } from "../services/PeerAddress.ts"
import { RaftLogStore } from "../services/RaftLogStore.ts"
import { attempt } from "./SynchronousFailure.ts"

export interface Options {
  /** `--peer-listen`. */
  readonly given?: Endpoint.Endpoint | undefined
  /** In the bootstrap list. */
  readonly listed?: Endpoint.Endpoint | undefined
}

const make = Effect.fnUntraced(function* ({ given, listed }: Options) {
  const { memberId } = yield* Opening
  const applier = yield* Applier
  const { reader } = yield* RaftLogStore
  const described = new Map(applier.members.byId)
  yield* attempt(() => describeFromLog(described, reader, applier.position.index))
  const own = described.get(memberId)
  if (own === undefined) {
    const address = given ?? listed
    return address === undefined ? yield* new PeerAddressUnknown() : { address }
  }
  const known = own.address && Endpoint.format(own.address)
  const asked = given && Endpoint.format(given)
  if (asked === undefined || asked === known) return { address: own.address }
  if (described.size === 1) return { address: given }
  return yield* new PeerAddressDiffers({ given: asked, known: known ?? "" })
})

/** Adds whom the entries that are not applied yet describe; the newest description counts. */
function describeFromLog(
  described: Map<MemberId, Member>,
  reader: RaftLogStore["Service"]["reader"],
  applied: LogIndex
): void {
  const last = reader.lastIndex()
  for (let from = applied + 1; from <= last; ) {
    const entries = reader.entries(from as LogIndex, (last + 1) as LogIndex, Limits.mebibyte)
    for (const { data, kind } of entries) {
      const change = kind === "membership" ? MembershipChange.decode(data) : undefined
      const members = change && MembersContext.decode(change.context)
      for (const member of members ?? []) described.set(member.id, member)
    }
    from += entries.length
  }
}

export const layer = (options: Options) => Layer.effect(PeerAddress, make(options))
