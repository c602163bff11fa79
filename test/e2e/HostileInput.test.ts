/**
 * Both ports of a running node are fed with garbage, cut and oversize frames, silence and slowness: it
 * refuses or hangs up, keeps nothing, and goes on serving (SPEC §3, §9).
 */
import { assert, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Endpoint from "../../src/domain/api/Endpoint.ts"
import type {
  ClusterId,
  GroupId,
  Incarnation,
  MemberId,
  NodeName,
  OpeningId
} from "../../src/domain/Ids.ts"
import * as Limits from "../../src/domain/Limits.ts"
import * as Frame from "../../src/domain/peer/Frame.ts"
import * as Handshake from "../../src/domain/peer/Handshake.ts"
import { mutated } from "../fuzz/Mutation.ts"
import { conversation, memoryOf, recorded, socketsOf } from "../support/HostileSockets.ts"
import * as ProcessCluster from "../support/ProcessCluster.ts"
import { sealog, stop } from "../support/ProcessSealog.ts"
import { seededNumbers } from "../support/SeededNumbers.ts"

const { get, places, put, serveAt, statusOf } = ProcessCluster
const { mebibyte } = Limits

const live = (name: string, body: () => Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live(name, () => Effect.scoped(body()))

/** A cluster of one that listens for peers. */
const lone = Effect.gen(function* () {
  const [place] = (yield* places(1)) as [ProcessCluster.Place]
  const node = yield* serveAt(place, ["--peer-listen", place.peer])
  yield* put([place], "before", "1")
  const { clusterId } = yield* statusOf(place)
  const [peer, client] = [place.peer, place.listen].map((text) => Endpoint.parse(text)!)
  assert(peer !== undefined && client !== undefined)
  return { node, place, peer, client, clusterId: clusterId as ClusterId }
})

type Lone = Effect.Success<typeof lone>

const frame = (type: Frame.FrameType, body: Uint8Array): Buffer =>
  Buffer.concat([Frame.header(type, body.length), body])

/** Of a node that says it is a newer member than this one knows, each number another incarnation. */
const hello = (clusterId: ClusterId, number: number): Buffer =>
  frame(
    "hello",
    Handshake.encode({
      clusterId,
      groupId: 0 as GroupId,
      to: 1 as MemberId,
      node: {
        memberId: 900 as MemberId,
        nodeName: "stranger" as NodeName,
        incarnation: number.toString(16).padStart(32, "0") as Incarnation,
        bootCount: 1,
        openingId: "d".repeat(32) as OpeningId,
        endpoint: "",
        address: ""
      }
    })
  )

const garbage = (seed: number, bytes: number): Buffer => {
  const random = seededNumbers(seed)
  return Buffer.from(Array.from({ length: bytes }, () => random.below(256)))
}

const oneByOne = (bytes: Uint8Array) => [...bytes].map((byte) => Uint8Array.of(byte))

/** It serves as before, has let go of every connection, and says nothing of a bug when it ends. */
const assertUnharmed = Effect.fnUntraced(function* ({ node, place }: Lone, before: Sizes) {
  expect(node.ended()).toBeUndefined()
  yield* put([place], "after", "2")
  expect([yield* get(place, "before"), yield* get(place, "after")]).toEqual(["1", "2"])
  const sockets = () => socketsOf(node.pid) ?? 0
  // The last commands' own connections may still be closing.
  yield* Effect.promise(async () => {
    while (sockets() > before.sockets) await new Promise((resolve) => setTimeout(resolve, 20))
  })
  const grown = (memoryOf(node.pid) ?? 0) - before.memory
  expect(grown, "memory that it has not given back").toBeLessThan(192 * mebibyte)
  const { code, stderr } = yield* stop(node, "SIGTERM")
  expect(code).toBe(0)
  expect(stderr).not.toMatch(/\.ts:\d+|TypeError|RangeError|level=(FATAL|ERROR)/i)
})

interface Sizes {
  readonly sockets: number
  readonly memory: number
}

const sizesOf = ({ node }: Lone): Sizes => ({
  sockets: socketsOf(node.pid) ?? 0,
  memory: memoryOf(node.pid) ?? 0
})

describe("the peer port", () => {
  live("hangs up on garbage, cut, oversize, silent and slow connections, and serves on", () =>
    Effect.gen(function* () {
      const one = yield* lone
      const { clusterId, peer } = one
      const before = sizesOf(one)
      const good = hello(clusterId, 1)
      const random = seededNumbers(3)
      const inputs: ReadonlyArray<Parameters<typeof conversation>[1]> = [
        ...Array.from({ length: 20 }, (_, at) => ({ pieces: [garbage(at, 1 + at * at * 5)] })),
        ...Array.from({ length: 12 }, (_, at) => ({
          pieces: [good.subarray(0, Math.floor((at * good.length) / 12))],
          ends: at % 2 === 0
        })),
        // A length beyond all bounds, with a mebibyte of what it promises.
        ...Array.from({ length: 8 }, () => ({
          pieces: [Buffer.of(0xff, 0xff, 0xff, 0xff, 1), garbage(1, mebibyte)]
        })),
        ...Array.from({ length: 4 }, () => ({ pieces: [] })),
        { pieces: oneByOne(garbage(9, 300)) },
        { pieces: oneByOne(frame("hello", Buffer.alloc(500))) },
        ...Array.from({ length: 40 }, () => ({
          pieces: [mutated(good, random, garbage(2, 50))],
          ends: true
        }))
      ]
      const said = yield* Effect.forEach(inputs, (input) => conversation(peer, input), {
        concurrency: 16
      })
      expect(said.filter(({ hungUp }) => !hungUp)).toEqual([])
      yield* assertUnharmed(one, before)
    })
  )

  live("hangs up on a stranger that it hears and that then sends what is no message", () =>
    Effect.gen(function* () {
      const one = yield* lone
      const before = sizesOf(one)
      const good = hello(one.clusterId, 1)
      const header = (bytes: number) => Frame.header("messages", bytes)
      for (const rest of [
        [garbage(1, 500)],
        [frame("messages", garbage(2, 100))],
        [frame("chunk", garbage(3, 100))],
        [header(Limits.frameBytesMax + 1)],
        // A frame of the largest size that never ends, in small pieces.
        [header(Limits.frameBytesMax - 1), ...oneByOne(Buffer.alloc(20_000)), garbage(4, 10)]
      ]) {
        const isUnending = rest.length > 1
        const leaves = isUnending ? { leaves: "afterSending" as const } : {}
        const said = yield* conversation(one.peer, {
          pieces: [good],
          onceAnswered: rest,
          ...leaves
        })
        expect(said.heard[4], "it was heard").toBe(Frame.types.welcome)
        if (!isUnending) expect(said.hungUp).toBe(true)
      }
      yield* assertUnharmed(one, before)
    })
  )

  live("remembers only so many strangers, and tells the others so", () =>
    Effect.gen(function* () {
      const one = yield* lone
      const before = sizesOf(one)
      const answers: Array<string> = []
      for (let number = 1; number <= Limits.strangersMax + 20; number++) {
        const pieces = [hello(one.clusterId, number)]
        const { heard } = yield* conversation(one.peer, { pieces, leaves: "afterFirstAnswer" })
        const refusal = Handshake.decodeRefusal(heard.subarray(Frame.headerBytes))
        const isWelcome = heard[4] === Frame.types.welcome
        answers.push(
          isWelcome ? "welcome" : refusal._tag === "Success" ? refusal.success.reason : "?"
        )
      }
      const welcomed = answers.filter((answer) => answer === "welcome")
      expect(welcomed).toHaveLength(Limits.strangersMax)
      expect(new Set(answers.slice(Limits.strangersMax))).toEqual(new Set(["tooManyStrangers"]))
      yield* assertUnharmed(one, before)
    })
  )
})

describe("the client port", () => {
  live("outlives garbage, cut, oversize, silent and slow connections, and serves on", () =>
    Effect.gen(function* () {
      const one = yield* lone
      const { client } = one
      const before = sizesOf(one)
      const good = yield* recorded(client, (address) =>
        sealog("kv", "put", "k", "v", "--endpoint", Endpoint.format(address))
      )
      expect(good.length).toBeGreaterThan(20)
      const random = seededNumbers(5)
      const inputs: ReadonlyArray<ReadonlyArray<Uint8Array>> = [
        ...Array.from({ length: 20 }, (_, at) => [garbage(at, 1 + at * at * 5)]),
        ...Array.from({ length: 12 }, (_, at) => [
          good.subarray(0, Math.floor((at * good.length) / 12))
        ]),
        ...Array.from({ length: 60 }, () => [mutated(good, random, garbage(2, 50))]),
        ...Array.from({ length: 6 }, () => [Buffer.alloc(8, 0xff), garbage(1, 2 * mebibyte)]),
        [],
        oneByOne(good),
        oneByOne(garbage(9, 500))
      ]
      // Who says nothing more is let go when it goes; a client is not timed.
      yield* Effect.forEach(inputs, (pieces) => conversation(client, { pieces, ends: true }), {
        concurrency: 16
      })
      yield* Effect.forEach(
        inputs.slice(0, 20),
        (pieces) => conversation(client, { pieces, leaves: "afterSending" }),
        { concurrency: 16 }
      )
      yield* assertUnharmed(one, before)
    })
  )
})
