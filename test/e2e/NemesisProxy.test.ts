/** The nemesis' proxy between real sockets. Waits for what happens; time is a test clock's. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Link from "../../scripts/nemesis/Link.ts"
import * as PeerOrigin from "../../scripts/nemesis/PeerOrigin.ts"
import * as Proxy from "../../scripts/nemesis/Proxy.ts"
import * as Frame from "../../src/domain/peer/Frame.ts"
import * as Handshake from "../../src/domain/peer/Handshake.ts"
import * as Introduction from "../../src/domain/peer/Introduction.ts"
import { incarnationOf, openingOf } from "../support/PeerIdentities.ts"
import * as Sockets from "../support/Sockets.ts"

const { turns, until } = Sockets

const open = Effect.fnUntraced(function* (options: Partial<Proxy.Options> = {}) {
  const target = yield* Sockets.listening
  const proxy = yield* Proxy.open({ target: target.address, random: () => 0, ...options })
  const join = Effect.gen(function* () {
    const client = yield* Sockets.connecting(proxy.address)
    const index = target.ends.length
    yield* until(() => target.ends.length > index)
    return { client, server: target.ends[index]! }
  })
  const waiting = () => proxy.status().connections.map(({ bytesWaiting }) => bytesWaiting)
  return { ends: target.ends, proxy, join, waiting }
})

describe("a link that passes", () => {
  it.effect("carries bytes and ends both ways, and forgets the connection", () =>
    Effect.gen(function* () {
      const { join, proxy } = yield* open()
      const { client, server } = yield* join
      client.send("to the target")
      server.send("to the client")
      yield* until(() => server.text === "to the target" && client.text === "to the client")
      client.socket.end("last")
      yield* until(() => server.isEnded)
      expect(server.text).toBe("to the targetlast")
      expect(client.isEnded).toBe(false)
      server.socket.end("after the end")
      yield* until(() => client.isEnded && client.text.endsWith("after the end"))
      yield* until(() => proxy.status().connections.length === 0)
    })
  )

  it.effect("hands a reset on, whoever makes it", () =>
    Effect.gen(function* () {
      const { join, proxy } = yield* open()
      const one = yield* join
      one.client.socket.resetAndDestroy()
      yield* until(() => one.server.isClosed)
      const two = yield* join
      two.server.socket.resetAndDestroy()
      yield* until(() => two.client.isClosed)
      expect([one.server.code, two.client.code]).toEqual(["ECONNRESET", "ECONNRESET"])
      yield* until(() => proxy.status().connections.length === 0)
    })
  )

  it.effect("lets go of a socket that is reset in the turn in which it ends", () =>
    Effect.gen(function* () {
      const { join, proxy } = yield* open()
      const { client, server } = yield* join
      proxy.set(Link.joined({ toTarget: Link.hold }))
      client.socket.end()
      yield* turns(20)
      proxy.set(Link.joined())
      proxy.set(Link.cut)
      yield* until(() => client.isClosed && server.isEnded)
      yield* turns(20)
      server.send("is anybody there?")
      yield* until(() => server.isClosed)
      expect([client.code, server.code]).toContain("ECONNRESET")
    })
  )

  it.effect("resets a client whose target is not there", () =>
    Effect.gen(function* () {
      const gone = yield* Effect.scoped(Sockets.listening)
      const { proxy } = yield* open({ target: gone.address })
      const client = yield* Sockets.connecting(proxy.address)
      yield* until(() => client.isClosed)
      expect(client.code).toBe("ECONNRESET")
      expect(proxy.status().connections).toEqual([])
    })
  )
})

describe("a link that is cut", () => {
  it.effect("resets what is connected and what connects, until it is joined", () =>
    Effect.gen(function* () {
      const { ends, join, proxy } = yield* open()
      const { client, server } = yield* join
      proxy.set(Link.cut)
      yield* until(() => client.isClosed && server.isClosed)
      expect([client.code, server.code]).toEqual(["ECONNRESET", "ECONNRESET"])
      const refused = yield* Sockets.connecting(proxy.address)
      yield* until(() => refused.isClosed)
      expect(refused.code).toBe("ECONNRESET")
      expect(ends).toHaveLength(1)
      proxy.set(Link.joined())
      const again = yield* join
      again.client.send("again")
      yield* until(() => again.server.text === "again")
    })
  )
})

describe("a black hole that holds", () => {
  it.effect("one way keeps bytes and the end, while the other way passes", () =>
    Effect.gen(function* () {
      const { join, proxy, waiting } = yield* open()
      const { client, server } = yield* join
      proxy.set(Link.joined({ toTarget: Link.hold }))
      client.socket.end("held")
      server.send("passes")
      yield* until(() => client.text === "passes" && waiting()[0]?.toTarget === 4)
      yield* turns(20)
      expect([server.text, server.isEnded, client.isClosed]).toEqual(["", false, false])
      proxy.set(Link.joined())
      yield* until(() => server.isEnded)
      expect(server.text).toBe("held")
    })
  )

  it.effect("the other way keeps answers", () =>
    Effect.gen(function* () {
      const { join, proxy, waiting } = yield* open()
      const { client, server } = yield* join
      proxy.set(Link.joined({ toClient: Link.hold }))
      client.send("asked")
      yield* until(() => server.text === "asked")
      server.send("answered")
      server.socket.resetAndDestroy()
      yield* until(() => waiting()[0]?.toClient === 8 || client.isClosed)
      yield* turns(20)
      expect([client.text, client.isClosed]).toEqual(["", false])
      proxy.set(Link.joined())
      yield* until(() => client.isClosed)
    })
  )

  it.effect("keeps new connections from the target, and those given up for ever", () =>
    Effect.gen(function* () {
      const { ends, proxy, waiting } = yield* open()
      proxy.set(Link.blackHole())
      const patient = yield* Sockets.connecting(proxy.address)
      patient.send("patient")
      const gone = yield* Sockets.connecting(proxy.address)
      gone.send("gone")
      yield* until(() => waiting().length === 2 && waiting().every(({ toTarget }) => toTarget > 0))
      gone.socket.destroy()
      yield* until(() => waiting().length === 1)
      expect(ends).toEqual([])
      proxy.set(Link.joined())
      yield* until(() => ends[0]?.text === "patient")
      yield* turns(20)
      expect(ends).toHaveLength(1)
    })
  )
})

describe("a black hole that loses", () => {
  it.effect("resets a connection that lost bytes when it is over, and leaves the others", () =>
    Effect.gen(function* () {
      const { join, proxy } = yield* open()
      const [idle, busy] = [yield* join, yield* join]
      proxy.set(Link.blackHole(Link.drop))
      busy.client.send("lost")
      const lost = () => proxy.status().connections.map(({ bytesLost }) => bytesLost.toTarget)
      yield* until(() => lost().includes(4))
      expect([busy.server.text, busy.client.isClosed]).toEqual(["", false])
      proxy.set(Link.joined())
      yield* until(() => busy.client.isClosed && busy.server.isClosed)
      expect([busy.client.code, busy.server.code]).toEqual(["ECONNRESET", "ECONNRESET"])
      idle.client.send("on")
      yield* until(() => idle.server.text === "on")
    })
  )

  it.effect("resets a client whose connection was lost before it got through", () =>
    Effect.gen(function* () {
      const { ends, proxy } = yield* open()
      proxy.set(Link.blackHole(Link.drop))
      const client = yield* Sockets.connecting(proxy.address)
      yield* until(() => proxy.status().connections.length === 1)
      proxy.set(Link.joined())
      yield* until(() => client.isClosed)
      expect([client.code, ends.length]).toEqual(["ECONNRESET", 0])
    })
  )
})

describe("a link that takes its time", () => {
  it.effect("gives nothing before the delay and the jitter are over", () =>
    Effect.gen(function* () {
      const { join, proxy, waiting } = yield* open({ random: () => 0.5 })
      const { client, server } = yield* join
      proxy.set(Link.joined({ toTarget: Link.delay(100, 20) }))
      client.send("late")
      yield* until(() => waiting()[0]?.toTarget === 4)
      yield* TestClock.adjust(109)
      yield* turns(20)
      expect(server.text).toBe("")
      yield* TestClock.adjust(1)
      yield* until(() => server.text === "late")
    })
  )

  it.effect("gives so many bytes a second, and all at once when it passes again", () =>
    Effect.gen(function* () {
      const { join, proxy, waiting } = yield* open()
      const { client, server } = yield* join
      proxy.set(Link.joined({ toTarget: Link.slow(5_000) }))
      client.send("x".repeat(1_000))
      const left = (bytes: number) => until(() => waiting()[0]?.toTarget === bytes)
      yield* left(900)
      yield* TestClock.adjust(60)
      yield* left(600)
      yield* until(() => server.text.length === 400)
      proxy.set(Link.joined())
      yield* until(() => server.text.length === 1_000)
    })
  )
})

describe("back-pressure", () => {
  const bufferBytesMax = 16 * 1_024
  const payload = Buffer.alloc(24 * 1_024 * 1_024, "0123456789")

  it.effect("a black hole keeps no more than its buffer, and loses nothing of it", () =>
    Effect.gen(function* () {
      const { join, proxy, waiting } = yield* open({ bufferBytesMax })
      const { client, server } = yield* join
      proxy.set(Link.blackHole())
      client.socket.end(payload)
      yield* until(() => (waiting()[0]?.toTarget ?? 0) >= bufferBytesMax)
      yield* turns(300)
      // One read of a socket is at most 64 KiB.
      expect(waiting()[0]?.toTarget).toBeLessThan(bufferBytesMax + 64 * 1_024 + 1)
      expect(client.socket.writableLength).toBeGreaterThan(0)
      proxy.set(Link.joined())
      yield* until(() => server.isEnded)
      expect(server.bytes.equals(payload)).toBe(true)
    })
  )

  it.effect("a target that does not read holds up its client", () =>
    Effect.gen(function* () {
      const { join, proxy, waiting } = yield* open({ bufferBytesMax })
      const { client, server } = yield* join
      server.socket.pause()
      client.socket.end(payload)
      yield* until(() => (waiting()[0]?.toTarget ?? 0) >= bufferBytesMax)
      yield* turns(300)
      expect(client.socket.writableLength).toBeGreaterThan(0)
      expect(proxy.status().connections[0]?.bytesPassed.toTarget).toBeLessThan(payload.length)
      server.socket.resume()
      yield* until(() => server.isEnded)
      expect(server.bytes.equals(payload)).toBe(true)
    })
  )

  it.effect("more connections than allowed are reset", () =>
    Effect.gen(function* () {
      const { join, proxy } = yield* open({ connectionsMax: 1 })
      yield* join
      const second = yield* Sockets.connecting(proxy.address)
      yield* until(() => second.isClosed)
      expect([second.code, proxy.status().accepted]).toEqual(["ECONNRESET", 2])
    })
  )
})

describe("links by origin", () => {
  const greeting = (id: number): Buffer => {
    const { bootCount, clusterId, groupId, incarnation, memberId, nodeName, openingId } =
      openingOf(id)
    const node = {
      memberId,
      nodeName,
      incarnation,
      bootCount,
      openingId,
      endpoint: "",
      address: ""
    }
    const body = Handshake.encode({ clusterId, groupId, node, to: 9 as never })
    return Buffer.concat([Frame.header("hello", body.length), body])
  }

  it("are told by the name in the first frame, whatever it is for", () => {
    const name = openingOf(3).nodeName
    const hello = greeting(3)
    expect(PeerOrigin.originOf(hello.subarray(0, -1))).toBeUndefined()
    expect(PeerOrigin.originOf(Buffer.concat([hello, Buffer.from("more")]))).toBe(name)
    const body = Introduction.encode({
      nodeName: name,
      incarnation: incarnationOf(3),
      address: { host: "127.0.0.1", port: 1 },
      listDigest: undefined,
      hasKek: false,
      softwareVersion: "1"
    })
    const introduction = Buffer.concat([Frame.header("introduction", body.length), body])
    expect(PeerOrigin.originOf(introduction)).toBe(name)
    expect(PeerOrigin.originOf(Buffer.from("GET / HTTP/1.1"))).toBe("")
  })

  it.effect("treat each peer by itself, once it has said who it is", () =>
    Effect.gen(function* () {
      const { ends, proxy } = yield* open({ originOf: PeerOrigin.originOf })
      const [one, two] = [openingOf(1).nodeName, openingOf(2).nodeName]
      proxy.set(Link.cut)
      proxy.set(Link.joined(), one)
      const dial = Effect.fnUntraced(function* (id: number) {
        const client = yield* Sockets.connecting(proxy.address)
        const bytes = greeting(id)
        client.socket.write(bytes.subarray(0, 10))
        const isHere = () => proxy.status().connections.length > 0 || client.isClosed
        yield* until(() => isHere() && client.isConnected)
        client.socket.write(bytes.subarray(10))
        return client
      })
      const first = yield* dial(1)
      yield* until(() => ends[0]?.bytes.equals(greeting(1)) === true)
      const second = yield* dial(2)
      yield* until(() => second.isClosed)
      expect([second.code, ends.length, first.isClosed]).toEqual(["ECONNRESET", 1, false])
      proxy.set(Link.joined(), two)
      yield* dial(2)
      yield* until(() => ends[1]?.bytes.equals(greeting(2)) === true)
      proxy.set(Link.cut, one)
      yield* until(() => first.isClosed)
      expect(ends.map(({ isClosed }) => isClosed)).toContain(false)
      expect(proxy.status().connections.map(({ origin }) => origin)).toEqual([two])
    })
  )
})

describe("a scope that closes", () => {
  it.live("leaves no socket and no timer", () =>
    Effect.gen(function* () {
      const timers = () =>
        process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
      const target = yield* Sockets.listening
      const before = timers()
      const scope = yield* Scope.make()
      const proxy = yield* Proxy.open({ target: target.address, random: () => 0 }).pipe(
        Scope.provide(scope)
      )
      const client = yield* Sockets.connecting(proxy.address)
      yield* until(() => target.ends.length === 1)
      proxy.set(Link.joined({ toTarget: Link.delay(60_000), toClient: Link.slow(1) }))
      client.send("late")
      target.ends[0]!.send("slow")
      yield* until(() => timers() >= before + 2)
      const held = yield* Sockets.connecting(proxy.address)
      yield* until(() => proxy.status().accepted === 2)
      yield* Scope.close(scope, Exit.void)
      expect(timers()).toBeLessThan(before + 1)
      yield* until(() => [client, held, target.ends[0]!].every(({ isClosed }) => isClosed))
      const late = yield* Sockets.connecting(proxy.address)
      yield* until(() => late.isClosed)
      expect(late.code).toBe("ECONNREFUSED")
    })
  )
})
