/** The snapshots of the contract of `Transport`, against every layer of it (SPEC §16). */
import { createHash } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { LogIndex, MemberId, Term } from "../../src/domain/Ids.ts"
import * as Limits from "../../src/domain/Limits.ts"
import * as Membership from "../../src/domain/raft/Membership.ts"
import type { InstallSnapshot } from "../../src/domain/raft/Message.ts"
import { numbered, type Open, type Post, until } from "./Transport.ts"

export const installSnapshot = (from: number, to: number): InstallSnapshot => ({
  _tag: "InstallSnapshot",
  from: from as MemberId,
  to: to as MemberId,
  term: 3 as Term,
  snapshot: { term: 2 as Term, index: 40 as LogIndex, membership: Membership.empty }
})

const snapshotFor = (to: number) => installSnapshot(1, to)

/** Bytes that are all different in their place, so that nothing can be swapped or lost unnoticed. */
const piece = (number: number, size: number): Buffer => {
  const bytes = Buffer.alloc(size, number % 251)
  bytes.writeUInt32BE(number, 0)
  return bytes
}

const digestOf = (pieces: Iterable<Uint8Array>): string => {
  const hash = createHash("sha256")
  for (const bytes of pieces) hash.update(bytes)
  return hash.digest("hex")
}

/** Pieces of which it is known how many were taken. */
const counted = (count: number, size: number) => {
  const source = { taken: 0 }
  const bytes = Stream.fromIterable(Array.from({ length: count }, (_, at) => at)).pipe(
    Stream.rechunk(1),
    Stream.map((at) => {
      source.taken += 1
      return piece(at, size)
    })
  )
  return {
    source,
    bytes,
    digest: () => digestOf(Array.from({ length: count }, (_, at) => piece(at, size)))
  }
}

/** Sends, however often it takes until there is a way. */
const reach = (from: Post, to: Post, ids: readonly [number, number]) =>
  until(
    () => to.numbersFrom(ids[0]).length > 0,
    () => from.transport.send([numbered(ids[0], ids[1], 1)])
  )

const never = Stream.fromEffect(Effect.never)

/** A receiver that says when the first bytes have come, and how its bytes ended. */
const watching = (post: Post) => {
  const begun = Deferred.makeUnsafe<void>()
  const ended = Deferred.makeUnsafe<Exit.Exit<void, unknown>>()
  post.takeIn = (_, bytes) =>
    Stream.runForEach(bytes, () => Deferred.succeed(begun, undefined)).pipe(
      Effect.onExit((exit) => Deferred.succeed(ended, exit))
    )
  return { begun: Deferred.await(begun), ended: Deferred.await(ended) }
}

export function suite(name: string, open: Open): void {
  const live = (
    title: string,
    body: (one: Post, two: Post, three: Post) => Effect.Effect<void, unknown, Scope.Scope>
  ) =>
    it.live(title, () =>
      Effect.scoped(
        Effect.gen(function* () {
          const [one, two, three] = (yield* open(3)) as [Post, Post, Post]
          yield* reach(one, two, [1, 2])
          yield* body(one, two, three)
        })
      )
    )

  describe(`Transport of snapshots: ${name}`, () => {
    live("delivers every byte in order, and says so once it is installed", (one, two) =>
      Effect.gen(function* () {
        const taken: Array<Uint8Array> = []
        const events: Array<string> = []
        two.takeIn = (message, bytes) =>
          Stream.runForEach(bytes, (some) => Effect.sync(() => void taken.push(some))).pipe(
            Effect.andThen(Effect.yieldNow),
            Effect.andThen(
              Effect.sync(() => void events.push(`installed ${message.snapshot.index}`))
            )
          )
        // Pieces beyond the size of a frame are cut, and empty ones are none.
        const sent = [piece(1, 10), Buffer.alloc(0), piece(2, 3 * Limits.mebibyte), piece(3, 7)]
        yield* one.transport.sendSnapshot(snapshotFor(2), Stream.fromIterable(sent))
        events.push("delivered")
        expect(events).toEqual(["installed 40", "delivered"])
        expect(digestOf(taken)).toBe(digestOf(sent))
      })
    )

    live("takes no more from its source than gets through, and messages pass it", (one, two) =>
      Effect.gen(function* () {
        const latch = yield* Latch.make(false)
        const received = createHash("sha256")
        const begun = Deferred.makeUnsafe<void>()
        two.takeIn = (_, bytes) =>
          Stream.runForEach(bytes, (some) =>
            Effect.gen(function* () {
              received.update(some)
              yield* Deferred.succeed(begun, undefined)
              yield* latch.await
            })
          )
        const { bytes, digest, source } = counted(256, 256 * Limits.kibibyte)
        const sending = yield* Effect.forkScoped(one.transport.sendSnapshot(snapshotFor(2), bytes))
        yield* Deferred.await(begun)
        for (let number = 10; number < 60; number += 1) {
          one.transport.send([numbered(1, 2, number)])
          yield* until(() => two.numbersFrom(1).includes(number))
          two.transport.send([numbered(2, 1, number)])
          yield* until(
            () => one.numbersFrom(2).includes(number),
            () => two.transport.send([numbered(2, 1, number)])
          )
        }
        // Of 64 MiB, no more than the buffers of the two sockets hold.
        expect(source.taken).toBeLessThan(128)
        yield* latch.open
        yield* Fiber.join(sending)
        expect(received.digest("hex")).toBe(digest())
      })
    )

    live("tells the sender that the receiver has failed, and takes the next one", (one, two) =>
      Effect.gen(function* () {
        two.takeIn = (_, bytes) =>
          Effect.andThen(Stream.runDrain(Stream.take(bytes, 1)), Effect.fail("no room"))
        const { bytes } = counted(4, 1000)
        const failed = yield* Effect.flip(one.transport.sendSnapshot(snapshotFor(2), bytes))
        expect(failed).toMatchObject({ reason: "receiverFailed", peer: 2 })
        two.takeIn = (_, more) => Stream.runDrain(more)
        yield* one.transport.sendSnapshot(snapshotFor(2), bytes)
      })
    )

    live("is not taken for whole when the source fails", (one, two) =>
      Effect.gen(function* () {
        const { ended } = watching(two)
        const bytes = Stream.concat(Stream.make(piece(1, 10)), Stream.fail("the disk" as const))
        const failed = yield* Effect.flip(one.transport.sendSnapshot(snapshotFor(2), bytes))
        expect(failed).toBe("the disk")
        expect(yield* ended).toMatchObject({ _tag: "Failure" })
      })
    )

    live("ends for the receiver when the sender gives up", (one, two) =>
      Effect.gen(function* () {
        const { begun, ended } = watching(two)
        const bytes = Stream.concat(Stream.make(piece(1, 10)), never)
        const sending = yield* Effect.forkScoped(one.transport.sendSnapshot(snapshotFor(2), bytes))
        yield* begun
        yield* Fiber.interrupt(sending)
        const exit = yield* ended
        expect(Exit.isFailure(exit) && !Exit.hasInterrupts(exit)).toBe(true)
      })
    )

    it.live("ends for the sender when the receiver closes", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const [one, two] = (yield* Scope.provide(open(2), scope)) as [Post, Post]
          yield* reach(one, two, [1, 2])
          const { begun, ended } = watching(two)
          const bytes = Stream.concat(Stream.make(piece(1, 10)), never)
          const sending = yield* Effect.forkScoped(
            one.transport.sendSnapshot(snapshotFor(2), bytes)
          )
          yield* begun
          yield* Scope.close(scope, Exit.void)
          expect(yield* Effect.flip(Fiber.join(sending))).toMatchObject({ reason: "broken" })
          expect(yield* ended).toMatchObject({ _tag: "Failure" })
        })
      )
    )

    live("goes to one peer once at a time, and to some at a time", (one, two, three) =>
      Effect.gen(function* () {
        yield* reach(one, three, [1, 3])
        const [atTwo, atThree] = [watching(two), watching(three)]
        const endless = Stream.concat(Stream.make(piece(1, 10)), never)
        const first = yield* Effect.forkScoped(one.transport.sendSnapshot(snapshotFor(2), endless))
        yield* atTwo.begun
        const again = one.transport.sendSnapshot(snapshotFor(2), Stream.make(piece(1, 10)))
        expect(yield* Effect.flip(again)).toMatchObject({ reason: "busy" })
        yield* Effect.forkScoped(one.transport.sendSnapshot(snapshotFor(3), endless))
        yield* atThree.begun
        yield* Fiber.interrupt(first)
        yield* atTwo.ended
        two.takeIn = (_, bytes) => Stream.runDrain(bytes)
        yield* again
      })
    )

    live("goes to nobody but a peer", (one) =>
      Effect.gen(function* () {
        const sent = one.transport.sendSnapshot(snapshotFor(9), Stream.make(piece(1, 10)))
        expect(yield* Effect.flip(sent)).toMatchObject({ reason: "notAPeer", peer: 9 })
      })
    )
  })
}
