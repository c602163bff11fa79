/**
 * Real sockets and fibres that are stopped after so many operations, so that a socket has its turn
 * between any two of them: nothing that it says then is missed (SPEC §9, §16).
 */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Scheduler from "effect/Scheduler"
import * as Stream from "effect/Stream"
import type { MemberId } from "../../src/domain/Ids.ts"
import * as Limits from "../../src/domain/Limits.ts"
import * as PeerDial from "../../src/layers/PeerDial.ts"
import * as PeerTransfer from "../../src/layers/PeerTransfer.ts"
import { installSnapshot } from "../contracts/SnapshotTransfer.ts"
import { peerSockets } from "../support/PeerSockets.ts"

const piece = Buffer.alloc(Limits.snapshotFrameBytesMax)
const ends = { from: 1 as MemberId, to: 2 as MemberId }
const patient = { stallMillis: 2_000 }

const transfer = (pieces: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { far, near } = yield* peerSockets
      far.trust(Limits.snapshotFrameBytesMax + 1)
      let taken = 0
      const takeIn = (_: unknown, bytes: Stream.Stream<Uint8Array, unknown>) =>
        Stream.runForEach(bytes, (some) =>
          Effect.sync(() => {
            taken += some.length
          })
        )
      yield* Effect.forkScoped(PeerTransfer.receive(far, ends, takeIn, patient))
      const bytes = Stream.fromIterable(Array.from({ length: pieces }, () => piece))
      yield* PeerTransfer.send(near, installSnapshot(1, 2), bytes, patient)
      return taken
    })
  )

const nobodyThere = { host: "127.0.0.1", port: 1 }

const operations = Array.from({ length: 24 }, (_, at) => at + 4)
const stoppedAfter = (count: number) => Effect.provideService(Scheduler.MaxOpsBeforeYield, count)

it.live.each(operations)(
  "a snapshot arrives when fibres are stopped after %i operations",
  (count) =>
    Effect.gen(function* () {
      const taken = yield* transfer(40)
      expect(taken).toBe(40 * piece.length)
    }).pipe(stoppedAfter(count)),
  60_000
)

it.live.each(operations)("and who cannot be dialled is an error, after %i too", (count) =>
  Effect.gen(function* () {
    const refused = yield* Effect.flip(Effect.scoped(PeerDial.dialled(nobodyThere)))
    expect(refused).toMatchObject({ _tag: "PeerConnectionFailure", operation: "connect" })
  }).pipe(stoppedAfter(count))
)
