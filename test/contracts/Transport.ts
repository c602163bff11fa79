/** The contract of `Transport`, against every layer of it (SPEC §9). */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { LogIndex, MemberId, Term } from "../../src/domain/Ids.ts"
import type { Message } from "../../src/domain/raft/Message.ts"
import type { Receiver, Transport } from "../../src/services/Transport.ts"

export const member = (id: number) => id as MemberId

/** Of a configuration that knows every member of a test. */
export const allKnown = { nextMemberId: member(1000) }

/** A heartbeat that carries a number, to be told from others. */
export const numbered = (from: number, to: number, number: number): Message => ({
  _tag: "Heartbeat",
  from: member(from),
  to: member(to),
  term: 1 as Term,
  commit: 0 as LogIndex,
  readPosition: number
})

/** A transport with what has arrived at it. */
export class Post {
  readonly transport: Transport["Service"]
  readonly messages: Array<Message> = []
  readonly unreachable: Array<MemberId> = []
  /** What is done with a snapshot that arrives. */
  takeIn: NonNullable<Receiver["snapshot"]> = () => Effect.void

  constructor(transport: Transport["Service"]) {
    this.transport = transport
    transport.attach({
      message: (message) => void this.messages.push(message),
      unreachable: (peer) => void this.unreachable.push(peer),
      snapshot: (message, bytes) => this.takeIn(message, bytes)
    })
  }

  /** The numbers of what has come from a member, in order. */
  numbersFrom(from: number): ReadonlyArray<number> {
    return this.messages.flatMap((message) =>
      message._tag === "Heartbeat" && message.from === from ? [message.readPosition] : []
    )
  }
}

/** Opens members 1 … count that know each other. */
export type Open = (count: number) => Effect.Effect<ReadonlyArray<Post>, never, Scope.Scope>

/** Sends a number until it has come: what is sent before there is a connection is lost. */
export const until = (holds: () => boolean, meanwhile: () => void = () => {}) =>
  Effect.gen(function* () {
    for (let at = 0; !holds(); at++) {
      if (at % 10 === 0) meanwhile()
      yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
    }
  })

export function suite(name: string, open: Open): void {
  describe(`Transport: ${name}`, () => {
    it.live("delivers what one member sends another, in order, to nobody else", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const [one, two, three] = (yield* open(3)) as [Post, Post, Post]
          const hello = () => one.transport.send([numbered(1, 2, 0)])
          yield* until(() => two.numbersFrom(1).length > 0, hello)
          const before = two.messages.length
          for (let at = 1; at <= 200; at += 2) {
            one.transport.send([numbered(1, 2, at), numbered(1, 2, at + 1)])
          }
          yield* until(() => two.numbersFrom(1).at(-1) === 200)
          const sent = two.numbersFrom(1).filter((number) => number > 0)
          expect(sent).toEqual(Array.from({ length: 200 }, (_, at) => at + 1))
          expect(two.messages.length).toBeGreaterThanOrEqual(before + 200)
          expect(three.messages).toEqual([])
        })
      )
    )

    it.live("carries every direction at once", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const posts = yield* open(3)
          const pairs = [1, 2, 3].flatMap((from) =>
            [1, 2, 3].filter((to) => to !== from).map((to) => [from, to] as const)
          )
          const sendAll = () => {
            for (const [from, to] of pairs) {
              posts[from - 1]!.transport.send([numbered(from, to, 7)])
            }
          }
          const hasAll = () =>
            pairs.every(([from, to]) => posts[to - 1]!.numbersFrom(from).includes(7))
          yield* until(hasAll, sendAll)
          for (const { transport } of posts) {
            expect(transport.connections().map(({ isConnected }) => isConnected)).toEqual([
              true,
              true
            ])
          }
        })
      )
    )

    it.live("drops what is for a member it does not know, and goes on", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const [one, two] = (yield* open(2)) as [Post, Post]
          one.transport.send([numbered(1, 9, 1)])
          yield* until(
            () => two.numbersFrom(1).includes(2),
            () => one.transport.send([numbered(1, 9, 1), numbered(1, 2, 2)])
          )
          expect(two.numbersFrom(1)).not.toContain(1)
        })
      )
    )

    it.live("hears and answers a newer member, until it knows that it was removed", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const [one, two] = (yield* open(2)) as [Post, Post]
          // What member 1 knows is older than member 2.
          one.transport.setPeers([], { nextMemberId: member(2) })
          yield* until(
            () => one.numbersFrom(2).includes(1),
            () => two.transport.send([numbered(2, 1, 1)])
          )
          yield* until(
            () => two.numbersFrom(1).includes(2),
            () => one.transport.send([numbered(1, 2, 2)])
          )
          one.transport.setPeers([], { nextMemberId: member(3) })
          const heard = one.messages.length
          const failures = two.unreachable.length
          const sending = () => two.transport.send([numbered(2, 1, 3)])
          yield* until(() => two.unreachable.length > failures, sending)
          yield* until(() => two.unreachable.length > failures + 1, sending)
          expect(one.messages.slice(heard)).toEqual([])
        })
      )
    )

    it.live("hears a member no more that is a peer no more", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const [one, two] = (yield* open(2)) as [Post, Post]
          const sending = () => one.transport.send([numbered(1, 2, 1)])
          yield* until(() => two.messages.length > 0, sending)
          two.transport.setPeers([], allKnown)
          expect(two.transport.connections()).toEqual([])
          yield* until(() => one.unreachable.length > 0, sending)
          const heard = two.messages.length
          for (let at = 0; at < 20; at++) sending()
          yield* until(() => one.unreachable.length > 1, sending)
          expect(two.messages.length).toBe(heard)
        })
      )
    )
  })
}
