import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { MemoryNetwork } from "../../src/layers/MemoryNetwork.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import * as TransportMemory from "../../src/layers/TransportMemory.ts"
import { Opening } from "../../src/services/Opening.ts"
import { Transport } from "../../src/services/Transport.ts"
import * as SnapshotTransferContract from "../contracts/SnapshotTransfer.ts"
import * as TransportContract from "../contracts/Transport.ts"
import { openingOf, peerOf } from "../support/PeerIdentities.ts"

const { allKnown, numbered, Post } = TransportContract

const openOn = (network: MemoryNetwork, count: number) =>
  Effect.forEach(
    Array.from({ length: count }, (_, at) => at + 1),
    Effect.fnUntraced(function* (id) {
      const opening = Layer.merge(
        Layer.succeed(Opening, openingOf(id)),
        NodeConfigLive.layer({ snapshotTransfersMax: 2 })
      )
      const context = yield* Layer.build(
        Layer.fresh(TransportMemory.layer({ network }).pipe(Layer.provide(opening)))
      )
      const post = new Post(Context.get(context, Transport))
      const others = Array.from({ length: count }, (_, at) => at + 1).filter((at) => at !== id)
      post.transport.setPeers(
        others.map((other) => peerOf(other, other)),
        allKnown
      )
      return post
    })
  )

TransportContract.suite("memory", (count) => openOn(new MemoryNetwork(), count))
SnapshotTransferContract.suite("memory", (count) => openOn(new MemoryNetwork(), count))

describe("MemoryNetwork", () => {
  it.effect("loses, delays and repeats messages as it is told to", () =>
    Effect.gen(function* () {
      const network = new MemoryNetwork()
      network.fate = (message) => {
        const number = message._tag === "Heartbeat" ? message.readPosition : 0
        return number === 1 ? [] : number === 2 ? [50, 10] : [20]
      }
      const [one, two] = yield* openOn(network, 2)
      one!.transport.send([1, 2, 3].map((number) => numbered(1, 2, number)))
      yield* TestClock.adjust(100)
      expect(two!.numbersFrom(1)).toEqual([2, 3, 2])
      expect(one!.transport.connections()[0]!.messagesDropped).toBe(1)
    })
  )
})
