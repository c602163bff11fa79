import { connect, createServer, type Server, type Socket } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import type { OpeningId } from "../../src/domain/Ids.ts"
import * as Frame from "../../src/domain/peer/Frame.ts"
import * as Handshake from "../../src/domain/peer/Handshake.ts"
import * as PeerMessages from "../../src/domain/peer/PeerMessages.ts"
import * as TransportSocket from "../../src/layers/TransportSocket.ts"
import * as SnapshotTransferContract from "../contracts/SnapshotTransfer.ts"
import * as TransportContract from "../contracts/Transport.ts"
import { incarnationOf, openingOf, peerOf } from "../support/PeerIdentities.ts"
import { type SocketPeerOptions, socketPeer } from "../support/SocketPeer.ts"

const { installSnapshot } = SnapshotTransferContract
const { allKnown, member, numbered, Post, until } = TransportContract

/** A member on a port of its own; it knows nobody until it is told. */
const openMember = Effect.fnUntraced(function* (id: number, options: SocketPeerOptions = {}) {
  const { events, parts, seen } = socketPeer(id, options)
  const { address, transport } = yield* TransportSocket.open({
    listen: { host: "127.0.0.1", port: 0 },
    clientEndpoint: Effect.succeed(`client-of-${id}:1`)
  }).pipe(Effect.provide(yield* Layer.build(parts)))
  return { id, address, post: new Post(transport), events, seen }
})

type Member = Effect.Success<ReturnType<typeof openMember>>

const introduce = (...members: ReadonlyArray<Member>) => {
  for (const { id, post } of members) {
    const others = members.filter((other) => other.id !== id)
    post.transport.setPeers(
      others.map((other) => peerOf(other.id, other.address.port)),
      allKnown
    )
  }
}

const refusals = ({ events }: Member) =>
  events.flatMap((event) => (event._tag === "PeerRefused" ? [event.reason] : []))

const openMembers = Effect.fnUntraced(function* (count: number) {
  const members = yield* Effect.forEach(
    Array.from({ length: count }, (_, at) => at + 1),
    (id) => Effect.orDie(openMember(id))
  )
  introduce(...members)
  return members.map(({ post }) => post)
})

TransportContract.suite("TCP", openMembers)
SnapshotTransferContract.suite("TCP", openMembers)

const live = (name: string, body: () => Effect.Effect<void, unknown, never>) => it.live(name, body)
const scoped = <A, E>(body: Effect.Effect<A, E, import("effect/Scope").Scope>) =>
  Effect.scoped(body)

describe("members that dial each other (SPEC §3, §9)", () => {
  live("keep each other's openings, and learn where clients are served", () =>
    scoped(
      Effect.gen(function* () {
        const [one, two] = [yield* openMember(1), yield* openMember(2)]
        introduce(one, two)
        const isUp = ({ post }: Member) => post.transport.connections()[0]!.isConnected
        yield* until(() => isUp(one) && isUp(two))
        expect(one.seen.get(incarnationOf(2))).toMatchObject({ bootCount: 1 })
        expect(one.post.transport.connections()[0]).toMatchObject({ endpoint: "client-of-2:1" })
        expect(refusals(one)).toEqual([])
      })
    )
  )

  live("are metrics, each while it is a peer", () =>
    scoped(
      Effect.gen(function* () {
        const [one, two] = [yield* openMember(1), yield* openMember(2)]
        introduce(one, two)
        yield* until(
          () => two.post.messages.length > 0,
          () => one.post.transport.send([numbered(1, 2, 1)])
        )
        const seriesOf = (name: string) =>
          Effect.map(Metric.snapshot, (all) =>
            all.filter(({ attributes, id }) => id === name && attributes?.node === "n1")
          )
        const sent = yield* seriesOf("sealog_peer_sent_bytes_total")
        expect(sent).toMatchObject([{ attributes: { peer: "n2", group: "0" } }])
        const { bytesSent } = one.post.transport.connections()[0]!
        expect(bytesSent).toBeGreaterThan(0)
        expect(sent[0]!.state).toMatchObject({ count: bytesSent })
        expect((yield* seriesOf("sealog_peer_connected"))[0]!.state).toEqual({ value: 1 })
        one.post.transport.setPeers([], allKnown)
        yield* until(() => one.post.transport.connections().length === 0)
        yield* Effect.yieldNow
        expect(yield* seriesOf("sealog_peer_connected")).toEqual([])
      })
    )
  )

  it.live.each<readonly [string, SocketPeerOptions["opening"]]>([
    ["otherCluster", { clusterId: "f".repeat(32) as never }],
    ["otherGroup", { groupId: 3 as never }],
    ["otherName", { nodeName: "other" as never }],
    ["otherIncarnation", { incarnation: incarnationOf(7) }]
  ])("refuse each other as %s, say so once, and carry nothing", ([reason, opening]) =>
    scoped(
      Effect.gen(function* () {
        const one = yield* openMember(1)
        const two = yield* openMember(2, opening === undefined ? {} : { opening })
        introduce(one, two)
        const sending = () => two.post.transport.send([numbered(2, 1, 1)])
        yield* until(() => two.post.unreachable.length > 5, sending)
        // Once where it refuses, and once more where it is refused itself.
        for (const at of [one, two]) {
          expect(new Set(refusals(at))).toEqual(new Set([reason]))
          expect(refusals(at).length).toBeLessThanOrEqual(2)
        }
        expect([one.post.messages, two.post.messages]).toEqual([[], []])
      })
    )
  )

  live("refuse a disk that was rolled back, and its twin", () =>
    scoped(
      Effect.gen(function* () {
        const one = yield* openMember(1)
        const twin = { bootCount: 5, openingId: "e".repeat(32) as OpeningId }
        one.seen.set(incarnationOf(2), twin)
        const two = yield* openMember(2, { opening: { bootCount: 5 } })
        introduce(one, two)
        yield* until(() => refusals(one).length > 0)
        expect(refusals(one)).toEqual(["diskRolledBack"])
        expect(one.seen.get(incarnationOf(2))).toEqual(twin)
        const three = yield* openMember(2, { opening: { bootCount: 6 } })
        introduce(one, three)
        yield* until(
          () => one.post.messages.length > 0,
          () => three.post.transport.send([numbered(2, 1, 1)])
        )
      })
    )
  )

  live("find each other again when one was away", () =>
    scoped(
      Effect.gen(function* () {
        const one = yield* openMember(1)
        const port = yield* scoped(
          Effect.gen(function* () {
            const two = yield* openMember(2)
            introduce(one, two)
            yield* until(
              () => two.post.messages.length > 0,
              () => one.post.transport.send([numbered(1, 2, 1)])
            )
            return two.address.port
          })
        )
        yield* until(() => one.post.unreachable.length > 0)
        const again = yield* openMember(2, { opening: { bootCount: 2 } })
        expect(again.address.port).not.toBe(port)
        introduce(one, again)
        yield* until(
          () => again.post.messages.length > 0,
          () => one.post.transport.send([numbered(1, 2, 2)])
        )
      })
    )
  )
})

/** A server that does with a connection what it likes; answers its port and its connections. */
const rogue = (handle: (socket: Socket) => void) =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<{ server: Server; port: number; sockets: Array<Socket> }>((resolve) => {
          const sockets: Array<Socket> = []
          const server = createServer((socket) => {
            sockets.push(socket)
            socket.on("error", () => {})
            handle(socket)
          })
          server.listen(0, "127.0.0.1", () => {
            const address = server.address()
            resolve({ server, port: typeof address === "object" ? address!.port : 0, sockets })
          })
        })
    ),
    ({ server, sockets }) =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
        server.close()
      })
  )

/** What a node with this member id says to member 1 first. */
const greetingOf = (id: number): Buffer => {
  const { clusterId, groupId, ...opening } = openingOf(id)
  const node = { ...opening, endpoint: "", address: "127.0.0.1:1" }
  return Handshake.encode({ clusterId, groupId, node, to: member(1) })
}

const framed = (type: "hello" | "welcome", body: Buffer): Buffer =>
  Buffer.concat([Frame.header(type, body.length), body])

/** Greets as member 2 and then takes nothing more. */
const welcomeAndStop = (socket: Socket) => {
  socket.once("data", () => {
    socket.pause()
    socket.write(framed("welcome", greetingOf(2)))
  })
}

describe("a peer that is slow, dead or hostile", () => {
  live("that takes nothing costs bounded memory, and no other peer notices", () =>
    scoped(
      Effect.gen(function* () {
        const settings = { peerQueueBytesMax: 1 << 20, peerQueueCountMax: 1000 }
        const one = yield* openMember(1, { settings })
        const three = yield* openMember(3)
        const { port } = yield* rogue(welcomeAndStop)
        one.post.transport.setPeers([peerOf(2, port), peerOf(3, three.address.port)], allKnown)
        three.post.transport.setPeers([peerOf(1, one.address.port)], allKnown)
        const slow = () => one.post.transport.connections().find(({ peer }) => peer === 2)!
        yield* until(() => slow().isConnected)
        const entry = { term: 1, index: 1, kind: "normal", data: Buffer.alloc(256 << 10) } as never
        const large = {
          ...numbered(1, 2, 0),
          _tag: "Append",
          previous: { term: 0, index: 0 },
          entries: [entry]
        } as never
        for (let at = 0; at < 400; at++) one.post.transport.send([large])
        expect(slow().messagesDropped).toBeGreaterThan(200)
        yield* until(
          () => three.post.numbersFrom(1).includes(5),
          () => one.post.transport.send([numbered(1, 3, 5)])
        )
      })
    )
  )

  live("that takes nothing for too long is dialled anew", () =>
    scoped(
      Effect.gen(function* () {
        const one = yield* openMember(1, { settings: { peerStallMillis: 30 } })
        const { port, sockets } = yield* rogue(welcomeAndStop)
        one.post.transport.setPeers([peerOf(2, port)], allKnown)
        const filling = () => {
          const entry = { term: 1, index: 1, kind: "normal", data: Buffer.alloc(1 << 20) } as never
          const previous = { term: 0, index: 0 }
          const large = { ...numbered(1, 2, 0), _tag: "Append", previous, entries: [entry] }
          for (let at = 0; at < 8; at++) one.post.transport.send([large as never])
        }
        yield* until(() => sockets.length > 1, filling)
      })
    )
  )

  live("that never greets is hung up on, and dialled again", () =>
    scoped(
      Effect.gen(function* () {
        const one = yield* openMember(1, { settings: { peerConnectTimeoutMillis: 30 } })
        const { port, sockets } = yield* rogue(() => {})
        one.post.transport.setPeers([peerOf(2, port)], allKnown)
        yield* until(() => sockets.length > 2)
        expect(one.post.unreachable.length).toBeGreaterThan(1)
      })
    )
  )

  /** Says this to a member and waits until it hangs up; answers what it was told. */
  const say = (to: Member, bytes: Buffer) =>
    Effect.callback<Buffer>((resume) => {
      const told: Array<Buffer> = []
      const socket = connect({ host: "127.0.0.1", port: to.address.port }, () => {
        socket.write(bytes)
      })
      socket.on("data", (more) => told.push(more))
      socket.on("error", () => {})
      socket.on("close", () => resume(Effect.succeed(Buffer.concat(told))))
    })

  live("that speaks another language is told nothing, one of another version is told so", () =>
    scoped(
      Effect.gen(function* () {
        const one = yield* openMember(1, { settings: { peerConnectTimeoutMillis: 200 } })
        expect(yield* say(one, Buffer.from("GET / HTTP/1.1\r\n\r\n"))).toHaveLength(0)
        expect(yield* say(one, Frame.header("hello", 1 << 20))).toHaveLength(0)
        expect(yield* say(one, Buffer.alloc(0))).toHaveLength(0)
        const greeting = greetingOf(2)
        greeting[7] = 9
        const told = yield* say(one, framed("hello", greeting))
        const refusal = Handshake.decodeRefusal(told.subarray(Frame.headerBytes))
        expect(refusal).toMatchObject({ success: { reason: "protocolUnknown" } })
      })
    )
  )

  live("that claims one member id after another is reported once", () =>
    scoped(
      Effect.gen(function* () {
        const one = yield* openMember(1)
        one.post.transport.setPeers([], allKnown)
        for (let id = 100; id < 110; id += 1) yield* say(one, framed("hello", greetingOf(id)))
        expect(refusals(one)).toEqual(["notAMember"])
      })
    )
  )

  it.live.each<readonly [string, Buffer]>([
    ["what cannot be read", Buffer.from("???")],
    ["a snapshot without its bytes", PeerMessages.encode([installSnapshot(2, 1)])]
  ])("that sends %s after its greeting is hung up on", ([, body]) =>
    scoped(
      Effect.gen(function* () {
        const one = yield* openMember(1)
        one.post.transport.setPeers([peerOf(2, 1)], allKnown)
        const nonsense = Buffer.concat([Frame.header("messages", body.length), body])
        const socket = yield* Effect.promise(
          () =>
            new Promise<Socket>((resolve) => {
              const dialled = connect({ host: "127.0.0.1", port: one.address.port }, () => {
                dialled.write(framed("hello", greetingOf(2)))
              })
              dialled.once("data", () => resolve(dialled))
            })
        )
        const closed = new Promise((resolve) => socket.once("close", resolve))
        socket.on("error", () => {})
        socket.write(nonsense)
        yield* Effect.promise(() => closed)
        expect(one.post.messages).toEqual([])
      })
    )
  )
})
