/** One transfer between two sockets, one of which does not do its part (SPEC §16). */
import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { MemberId } from "../../src/domain/Ids.ts"
import * as Limits from "../../src/domain/Limits.ts"
import * as PeerMessages from "../../src/domain/peer/PeerMessages.ts"
import type { PeerSocket } from "../../src/layers/PeerSocket.ts"
import * as PeerTransfer from "../../src/layers/PeerTransfer.ts"
import { installSnapshot } from "../contracts/SnapshotTransfer.ts"
import { numbered, until } from "../contracts/Transport.ts"
import { peerSockets } from "../support/PeerSockets.ts"

const live = (name: string, body: () => Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live(name, () => Effect.scoped(body()))

const brief = { stallMillis: 40 }
const ends = { from: 1 as MemberId, to: 2 as MemberId }
const message = installSnapshot(1, 2)
const endless = Stream.forever(Stream.make(Buffer.alloc(Limits.mebibyte)))
const silent = Stream.fromEffect(Effect.never)

describe("a sender", () => {
  live("gives up on a receiver that takes nothing and says nothing", () =>
    Effect.gen(function* () {
      const { farSocket, near } = yield* peerSockets
      farSocket.pause()
      const failed = yield* Effect.flip(PeerTransfer.send(near, message, endless, brief))
      expect(failed).toMatchObject({ reason: "stalled", peer: 2 })
    })
  )

  live("waits for one that is slow and says that it is alive", () =>
    Effect.gen(function* () {
      const { far, near } = yield* peerSockets
      const install = yield* Deferred.make<void>()
      const receiving = PeerTransfer.receive(far, ends, () => Deferred.await(install), brief)
      yield* Effect.forkScoped(receiving)
      const sending = yield* Effect.forkScoped(
        PeerTransfer.send(near, message, Stream.make(Buffer.from("all")), brief)
      )
      // Longer than the sender waits for silence: four of these are as long.
      yield* until(() => near.bytesReceived >= 12 * 5)
      yield* Deferred.succeed(install, undefined)
      yield* until(() => sending.pollUnsafe() !== undefined)
      expect(sending.pollUnsafe()).toMatchObject({ _tag: "Success" })
    })
  )

  live("takes another answer than the outcome for a failure", () =>
    Effect.gen(function* () {
      const { far, near } = yield* peerSockets
      far.onFrame = () => far.send("outcome", Buffer.from([7]))
      const failed = yield* Effect.flip(PeerTransfer.send(near, message, silent, brief))
      expect(failed).toMatchObject({ reason: "receiverFailed" })
    })
  )
})

describe("a receiver", () => {
  /** What becomes of its bytes, when this is what comes. */
  const receiving = Effect.fnUntraced(function* (send: (far: PeerSocket) => void) {
    const { far, near } = yield* peerSockets
    const drained = yield* Deferred.make<void, unknown>()
    const receive = PeerTransfer.receive(
      near,
      ends,
      (_, bytes) => Effect.onExit(Stream.runDrain(bytes), (exit) => Deferred.done(drained, exit)),
      brief
    )
    near.trust(Limits.snapshotFrameBytesMax + 1)
    const outcome = yield* Effect.forkScoped(Effect.exit(receive))
    send(far)
    return { drained: Deferred.await(drained), outcome, near, far }
  })
  const begin = (far: PeerSocket) => far.send("messages", PeerMessages.encode([message]))

  live("gives up on a sender that falls silent, and says that it has not installed", () =>
    Effect.gen(function* () {
      const told: Array<number> = []
      const { drained } = yield* receiving((far) => {
        far.onFrame = ({ body, type }) => {
          if (type === "outcome") told.push(body[0]!)
        }
        begin(far)
        far.send("chunk", Buffer.from("some"))
      })
      expect(yield* Effect.flip(drained)).toMatchObject({ reason: "stalled", peer: 1 })
      yield* until(() => told.length > 0)
      expect(told).toEqual([0])
    })
  )

  it.live.each<readonly [string, (far: PeerSocket) => void]>([
    ["no snapshot", (far) => far.send("messages", PeerMessages.encode([numbered(1, 2, 1)]))],
    ["two", (far) => far.send("messages", PeerMessages.encode([message, message]))],
    ["bytes before their message", (far) => far.send("chunk", Buffer.from("some"))]
  ])("begins with one snapshot, and not with %s", ([, send]) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { outcome } = yield* receiving(send)
        yield* until(() => outcome.pollUnsafe() !== undefined)
        const exit = outcome.pollUnsafe()
        expect(JSON.stringify(exit)).toContain("broken")
      })
    )
  )

  it.live.each<readonly [string, (far: PeerSocket) => void]>([
    ["a frame that is larger than any", (far) => far.send("chunk", Buffer.alloc(Limits.mebibyte))],
    ["another frame", (far) => far.send("hello", Buffer.from("?"))],
    [
      "an end and more",
      (far) => [far.send("end", Buffer.alloc(0)), far.send("chunk", Buffer.alloc(1))]
    ]
  ])("hangs up on %s", ([, send]) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { far } = yield* receiving((socket) => {
          begin(socket)
          send(socket)
        })
        far.onFrame = () => {}
        yield* far.closed
      })
    )
  )
})
