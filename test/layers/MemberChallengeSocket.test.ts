/** SPEC §14 over real sockets; also a node that is silent, hangs up, or answers another question. */
import { createServer, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { keptPorts } from "../../scripts/cluster/KeptPort.ts"
import type { Endpoint } from "../../src/domain/api/Endpoint.ts"
import * as CapabilityAnswer from "../../src/domain/capability/CapabilityAnswer.ts"
import * as Formats from "../../src/domain/capability/Formats.ts"
import { ClusterId, Incarnation, NodeName } from "../../src/domain/Ids.ts"
import * as Frame from "../../src/domain/peer/Frame.ts"
import * as AdmissionChallenge from "../../src/layers/AdmissionChallenge.ts"
import * as MemberChallengeSocket from "../../src/layers/MemberChallengeSocket.ts"
import * as TransportSocket from "../../src/layers/TransportSocket.ts"
import { MemberChallenge } from "../../src/services/MemberChallenge.ts"
import * as Contract from "../contracts/MemberChallenge.ts"
import { openingOf } from "../support/PeerIdentities.ts"
import { socketPeer } from "../support/SocketPeer.ts"

const challenge = {
  requestId: 5n,
  nonce: Buffer.alloc(32),
  clusterId: ClusterId.make("c".repeat(32)),
  keys: []
}
const node = {
  nodeName: NodeName.make("n2"),
  incarnation: Incarnation.make("2".repeat(32)),
  memberId: undefined
}
const answerTo = (requestId: bigint, epoch: number): Buffer => {
  const body = CapabilityAnswer.encode({
    requestId,
    member: undefined,
    nodeName: node.nodeName,
    incarnation: node.incarnation,
    encryption: "ready",
    epoch,
    epochTakenBy: undefined,
    softwareVersion: "0.1.0",
    formats: Formats.own,
    proofs: []
  })
  return Buffer.concat([Frame.header("capability", body.length), body])
}

/** What is told of a node that behaves so once it is asked. */
const asked = (behave: (socket: Socket) => void) =>
  Effect.gen(function* () {
    const port = yield* Effect.acquireRelease(
      Effect.callback<{ readonly server: ReturnType<typeof createServer>; readonly port: number }>(
        (resume) => {
          const server = createServer((socket) => {
            socket.on("error", () => {})
            socket.once("data", () => behave(socket))
          })
          server.listen(0, "127.0.0.1", () => {
            const address = server.address()
            assert(typeof address === "object" && address !== null)
            resume(Effect.succeed({ server, port: address.port }))
          })
        }
      ),
      ({ server }) => Effect.sync(() => server.close())
    )
    const { ask } = yield* MemberChallenge
    return yield* ask({ ...node, address: { host: "127.0.0.1", port: port.port } }, challenge)
  }).pipe(Effect.provide(MemberChallengeSocket.layer), Effect.scoped)

describe("asking a node what it can do", () => {
  it.live("takes the answer to this question, and passes over those to others", () =>
    Effect.gen(function* () {
      const answer = yield* asked((socket) => {
        socket.write(answerTo(4n, 1))
        socket.write(answerTo(5n, 2))
      })
      assert.strictEqual(answer.epoch, 2)
    })
  )

  it.live("has no answer if only old ones come", () =>
    Effect.gen(function* () {
      const detail = yield* Effect.flip(asked((socket) => socket.end(answerTo(4n, 1))))
      assert.strictEqual(detail, "silent")
    })
  )

  it.live("tells a node that hangs up, and one whose answer cannot be read", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Effect.flip(asked((socket) => socket.end())), "silent")
      const garbled = Buffer.concat([Frame.header("capability", 3), Buffer.from("abc")])
      assert.strictEqual(yield* Effect.flip(asked((socket) => socket.write(garbled))), "unreadable")
    })
  )
})

/** Member 2 behind its transport, and a newcomer 4 at the port at which it waits. */
const open = Effect.gen(function* () {
  const [four, nobody] = (yield* keptPorts(2)) as [number, number]
  const { parts } = socketPeer(2)
  const built = yield* Layer.build(Layer.merge(parts, Contract.memberOf(2)))
  const listen = { host: "127.0.0.1", port: 0 }
  const { address } = yield* TransportSocket.open({
    listen,
    clientEndpoint: Effect.succeed(undefined)
  }).pipe(Effect.provideContext(built))
  const candidate = (id: number, at: Endpoint) => {
    const { incarnation, memberId, nodeName } = openingOf(id)
    return { nodeName, incarnation, memberId, address: at }
  }
  const waiting = { host: "127.0.0.1", port: four }
  yield* AdmissionChallenge.listen(waiting, openingOf(4)).pipe(Effect.provideContext(built))
  return {
    challenges: yield* Effect.provide(MemberChallenge, MemberChallengeSocket.layer),
    member: candidate(2, address),
    newcomer: { ...candidate(4, waiting), memberId: undefined },
    nobody: candidate(3, { host: "127.0.0.1", port: nobody })
  }
}).pipe(Effect.orDie)

Contract.suite("sockets", open)
