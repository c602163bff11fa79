/**
 * A snapshot between two memory transports, in thousands of orders of the scheduler: it ends, and is
 * delivered (SPEC §16).
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { expect, it } from "vitest"
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

const transfer = Effect.gen(function* () {
  const network = new MemoryNetwork()
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
  const receiver = { message: () => {}, unreachable: () => {} }
  from.attach(receiver)
  to.attach({ ...receiver, snapshot: (_, bytes) => Stream.runForEach(bytes, count) })
  from.setPeers([peerOf(2, 2)], allKnown)
  to.setPeers([peerOf(1, 1)], allKnown)
  yield* from.sendSnapshot(installSnapshot(1, 2), Stream.fromIterable(pieces))
  return taken
}).pipe(Effect.scoped)

it("a snapshot is delivered in whatever order the fibres run", () => {
  for (let seed = 1; seed <= 10_000; seed++) {
    const exit = new Sim(seed, 4 + (seed % 20)).run(transfer)
    expect(exit, `seed ${seed}`).toEqual(Exit.succeed(3))
  }
}, 120_000)
