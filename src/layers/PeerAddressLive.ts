/**
 * Finds out where this node listens for its peers (SPEC §15).
 *
 * Its row among the members says so, or the entry of its log that adds it, or, while it has neither, the
 * command line. What must never happen here: a node that listens where its peers do not dial.
 * Proof: `test/layers/PeerAddress.test.ts`, `test/e2e/Cluster.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Endpoint from "../domain/api/Endpoint.ts"
import type { LogIndex, MemberId } from "../domain/Ids.ts"
import * as Limits from "../domain/Limits.ts"
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

/** Where a member is reached; `address` is `undefined` of one that has no peers. */
interface Described {
  readonly address: Endpoint.Endpoint | undefined
}

const make = Effect.fnUntraced(function* ({ given, listed }: Options) {
  const { memberId } = yield* Opening
  const applier = yield* Applier
  const { reader } = yield* RaftLogStore
  const described: Described | undefined =
    applier.members.byId.get(memberId) ??
    (yield* attempt(() => inLog(reader, applier.position.index, memberId)))
  if (described === undefined) {
    const address = given ?? listed
    return address === undefined ? yield* new PeerAddressUnknown() : { address }
  }
  const known = described.address && Endpoint.format(described.address)
  const asked = given && Endpoint.format(given)
  if (asked !== undefined && asked !== known) {
    return yield* new PeerAddressDiffers({ given: asked, known: known ?? "" })
  }
  return { address: described.address }
})

/** What the entries that are not applied yet say of this member; the newest of them counts. */
function inLog(
  reader: RaftLogStore["Service"]["reader"],
  applied: LogIndex,
  memberId: MemberId
): Described | undefined {
  let described: Described | undefined
  const last = reader.lastIndex()
  for (let from = applied + 1; from <= last; ) {
    const entries = reader.entries(from as LogIndex, (last + 1) as LogIndex, Limits.mebibyte)
    for (const { data, kind } of entries) {
      const change = kind === "membership" ? MembershipChange.decode(data) : undefined
      const members = change && MembersContext.decode(change.context)
      described = members?.find(({ id }) => id === memberId) ?? described
    }
    from += entries.length
  }
  return described
}

export const layer = (options: Options) => Layer.effect(PeerAddress, make(options))
