import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Endpoint from "../../src/domain/api/Endpoint.ts"
import { type LogIndex, type MemberId, NodeName, type Term } from "../../src/domain/Ids.ts"
import type { Member } from "../../src/domain/members/Member.ts"
import * as Members from "../../src/domain/members/Members.ts"
import type { Entry } from "../../src/domain/raft/Entry.ts"
import * as MembershipChange from "../../src/domain/raft/MembershipChange.ts"
import * as PeerAddressLive from "../../src/layers/PeerAddressLive.ts"
import { Applier } from "../../src/services/Applier.ts"
import { Opening } from "../../src/services/Opening.ts"
import { PeerAddress } from "../../src/services/PeerAddress.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { incarnationOf, openingOf } from "../support/PeerIdentities.ts"

const at = (text: string) => Endpoint.parse(text)!

const memberAt = (id: number, address: string | undefined): Member => ({
  id: id as MemberId,
  nodeName: NodeName.make(`n${id}`),
  incarnation: incarnationOf(id),
  address: address === undefined ? undefined : at(address)
})

/** Entries 1, 2, … each adding one member. */
const entriesOf = (members: ReadonlyArray<Member>): ReadonlyArray<Entry> =>
  Members.founding(members).map((change, position) => ({
    term: 1 as Term,
    index: (position + 1) as LogIndex,
    kind: "membership",
    data: MembershipChange.encode(change)
  }))

interface Known {
  readonly applied?: ReadonlyArray<Member>
  readonly log?: ReadonlyArray<Member>
}

/** What node 2 finds out, as text. */
const found = ({ applied = [], log = [] }: Known, options: PeerAddressLive.Options) => {
  const entries = entriesOf(log)
  const members = Members.founding(applied).reduce(
    (all, change) => Members.apply(all, change).members,
    Members.empty
  )
  const reader = {
    lastIndex: () => entries.length as LogIndex,
    // One at a time: a log may be longer than what is read at once.
    entries: (from: LogIndex) => entries.slice(from - 1, from)
  }
  const position = { index: 0 as LogIndex, term: 0 as Term }
  const parts = Layer.mergeAll(
    Layer.succeed(Opening, openingOf(2)),
    Layer.succeed(Applier, { members, position } as Applier["Service"]),
    Layer.succeed(RaftLogStore, { reader } as unknown as RaftLogStore["Service"])
  )
  return Effect.map(PeerAddress, ({ address }) => address && Endpoint.format(address)).pipe(
    Effect.provide(PeerAddressLive.layer(options).pipe(Layer.provide(parts)))
  )
}

describe("the peer address", () => {
  const [one, two] = [memberAt(1, "h:1"), memberAt(2, "h:2")]

  it.effect("is that of the own row, whatever the list says", () =>
    Effect.gen(function* () {
      expect(yield* found({ applied: [one, two] }, { listed: at("h:9") })).toBe("h:2")
      expect(yield* found({ applied: [one, two] }, { given: at("h:2") })).toBe("h:2")
      expect(yield* found({ applied: [one, memberAt(2, undefined)] }, {})).toBeUndefined()
    })
  )

  it.effect("is that of the entry which adds the node, before it is applied", () =>
    Effect.gen(function* () {
      expect(yield* found({ log: [one, two, memberAt(3, "h:3")] }, {})).toBe("h:2")
      expect(yield* found({ log: [one, memberAt(2, undefined)] }, {})).toBeUndefined()
    })
  )

  it.effect("is that of the command line while the node has no entry", () =>
    Effect.gen(function* () {
      expect(yield* found({}, { listed: at("h:2") })).toBe("h:2")
      expect(yield* found({ log: [one] }, { given: at("h:3"), listed: at("h:3") })).toBe("h:3")
      expect((yield* Effect.flip(found({}, {})))._tag).toBe("PeerAddressUnknown")
    })
  )

  it.effect("is not another one than its peers dial", () =>
    Effect.gen(function* () {
      const moved = found({ applied: [one, two] }, { given: at("h:3") })
      expect(yield* Effect.flip(moved)).toMatchObject({ given: "h:3", known: "h:2" })
      const alone = found({ log: [one, memberAt(2, undefined)] }, { given: at("h:3") })
      expect(yield* Effect.flip(alone)).toMatchObject({ given: "h:3", known: "" })
    })
  )

  it.effect("of the only member is what the command line says", () =>
    Effect.gen(function* () {
      for (const known of [two, memberAt(2, undefined)]) {
        expect(yield* found({ applied: [known] }, { given: at("h:3") })).toBe("h:3")
        expect(yield* found({ log: [known] }, { given: at("h:3") })).toBe("h:3")
        const coming = { applied: [known], log: [memberAt(3, "h:4")] }
        const refused = found(coming, { given: at("h:3") })
        expect((yield* Effect.flip(refused))._tag, "somebody is coming").toBe("PeerAddressDiffers")
      }
    })
  )
})
