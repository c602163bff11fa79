/**
 * A snapshot between two memory transports, in thousands of orders of the scheduler: it ends on both
 * sides, delivered or broken (SPEC §16).
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { expect, it } from "vitest"
import type { MemberId } from "../../src/domain/Ids.ts"
import { SnapshotTransferFailure } from "../../src/domain/peer/Errors.ts"
import { MemoryNetwork } from "../../src/layers/MemoryNetwork.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import * as TransportMemory from "../../src/layers/TransportMemory.ts"
import { Opening } from "../../src/services/Opening.ts"
import { Transport } from "../../src/services/Transport.ts"
import { installSnapshot } from "../contracts/SnapshotTransfer.ts"
import { allKnown } from "../contracts/Transport.ts"
import { openingOf, peerOf } from "../support/PeerIdentities.ts"
import { Sim } from "./Sim.ts"

const pieces = [Uint8Array.of(1), Uint8Array.of(2, 3)]

/** What the receiver got, how that ended for it, and how it ended for the sender. */
const transfer = Effect.fnUntraced(function* (network: MemoryNetwork) {
  const open = (id: number) =>
    Layer.build(
      Layer.fresh(
        Layer.provide(
          TransportMemory.layer({ network }),
          Layer.merge(Layer.succeed(Opening, openingOf(id)), NodeConfigLive.layer())
        )
      )
    ).pipe(Effect.map((context) => Context.get(context, Transport)))
  const [from, to] = [yield* open(1), yield* open(2)]
  let taken = 0
  const count = (piece: Uint8Array) =>
    Effect.sync(() => {
      taken += piece.length
    })
  const received = Deferred.makeUnsafe<void, unknown>()
  const receiver = { message: () => {}, unreachable: () => {} }
  from.attach(receiver)
  to.attach({
    ...receiver,
    snapshot: (_, bytes) =>
      Effect.onExit(Stream.runForEach(bytes, count), (exit) => Deferred.done(received, exit))
  })
  from.setPeers([peerOf(2, 2)], allKnown)
  to.setPeers([peerOf(1, 1)], allKnown)
  const sent = yield* Effect.exit(
    from.sendSnapshot(installSnapshot(1, 2), Stream.fromIterable(pieces))
  )
  return { taken, sent, received: yield* Effect.exit(Deferred.await(received)) }
}, Effect.scoped)

const broken = (peer: number) =>
  Exit.fail(new SnapshotTransferFailure({ peer: peer as MemberId, reason: "broken" }))

it("a snapshot is delivered in whatever order the fibres run", () => {
  for (let seed = 1; seed <= 10_000; seed++) {
    const exit = new Sim(seed, 4 + (seed % 20)).run(transfer(new MemoryNetwork()))
    const delivered = { taken: 3, sent: Exit.void, received: Exit.void }
    expect(exit, `seed ${seed}`).toEqual(Exit.succeed(delivered))
  }
}, 120_000)

it("both sides are told of a connection that breaks at one of its pieces", () => {
  for (let seed = 1; seed <= 4_000; seed++) {
    const network = new MemoryNetwork()
    let left = seed % pieces.length
    network.piece = () =>
      Effect.suspend(() => (left-- === 0 ? Effect.fail("broken") : Effect.yieldNow))
    const exit = new Sim(seed, 4 + (seed % 20)).run(transfer(network))
    expect(exit, `seed ${seed}`).toEqual(
      Exit.succeed({ taken: seed % pieces.length, sent: broken(2), received: broken(1) })
    )
  }
}, 120_000)
