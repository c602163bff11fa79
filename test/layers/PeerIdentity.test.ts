import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import type { Incarnation, OpeningId } from "../../src/domain/Ids.ts"
import type { Greeting, SeenOpening } from "../../src/domain/peer/Handshake.ts"
import * as PeerIdentity from "../../src/layers/PeerIdentity.ts"
import { PeerTable } from "../../src/layers/PeerTable.ts"
import * as TelemetryLive from "../../src/layers/TelemetryLive.ts"
import { Opening } from "../../src/services/Opening.ts"
import { PeerOpenings } from "../../src/services/PeerOpenings.ts"
import { member } from "../contracts/Transport.ts"
import { openingOf } from "../support/PeerIdentities.ts"

/** What a newer member with this opening says to member 1. */
const greetingOf = (opening: Partial<Opening["Service"]>): Greeting => {
  const { clusterId, groupId, ...node } = openingOf(2, opening)
  return { clusterId, groupId, node: { ...node, endpoint: "", address: "" }, to: member(1) }
}

/** Member 1, whose disk takes its time; nobody is known to it, and so everybody newer. */
const makeIdentity = Effect.fnUntraced(function* (disk: Effect.Effect<unknown>) {
  const seen = new Map<Incarnation, SeenOpening>()
  const table = new PeerTable(() => {
    throw new Error("nobody is dialled here")
  })
  table.setPeers([], { nextMemberId: member(1) })
  const opening = openingOf(1)
  const openings = PeerOpenings.of({
    seenOf: (incarnation) => seen.get(incarnation),
    know: () => {},
    remember: ({ incarnation, seen: opened }) =>
      Effect.andThen(
        disk,
        Effect.sync(() => {
          const known = seen.get(incarnation)
          const isNewer = known === undefined || opened.bootCount > known.bootCount
          if (isNewer) seen.set(incarnation, opened)
        })
      )
  })
  const parts = Layer.mergeAll(
    Layer.succeed(Opening, opening),
    Layer.succeed(PeerOpenings, openings),
    TelemetryLive.layer(opening)
  )
  return yield* PeerIdentity.make({
    clientEndpoint: Effect.succeed(undefined),
    table: () => table
  }).pipe(Effect.provide(parts))
})

describe("PeerIdentity", () => {
  it.effect("lets in one of two copies of a disk that come at once, and the kept one again", () =>
    Effect.gen(function* () {
      const disk = yield* Latch.make(false)
      const { judge } = yield* makeIdentity(disk.await)
      const kept = greetingOf({ bootCount: 4 })
      const copy = greetingOf({ bootCount: 4, openingId: "e".repeat(32) as OpeningId })
      const judging = yield* Effect.forEach([kept, copy], (greeting) =>
        Effect.forkChild(Effect.exit(judge(greeting)), { startImmediately: true })
      )
      yield* disk.open
      const [first, second] = yield* Fiber.joinAll(judging)
      expect(first).toMatchObject({ _tag: "Success" })
      expect(second).toMatchObject({ _tag: "Failure" })
      yield* judge(kept)
      expect(yield* Effect.flip(judge(copy))).toMatchObject({ reason: "diskRolledBack" })
    })
  )
})
