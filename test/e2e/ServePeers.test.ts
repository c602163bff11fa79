/** How a real process comes into a cluster, and what is refused (SPEC §3, §15). */
import { existsSync } from "node:fs"
import { rm } from "node:fs/promises"
import { assert, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ProcessCluster from "../support/ProcessCluster.ts"
import { assertRefused, sealog, stop, temporaryDirectory } from "../support/ProcessSealog.ts"

const {
  addMember,
  bootstrap,
  bootstrapFlags,
  get,
  joinFlags,
  places,
  put,
  serveAt,
  startAt,
  statusOf
} = ProcessCluster

const live = (name: string, body: () => Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live(name, () => Effect.scoped(body()))

describe("flags that contradict each other or themselves", () => {
  it.live.each<readonly [string, ReadonlyArray<string>, RegExp]>([
    ["both ways in", ["--bootstrap", "a=127.0.0.1:1", "--join", "127.0.0.1:2"], /both given/],
    ["to join from nowhere", ["--join", "127.0.0.1:2"], /without --peer-listen/],
    [
      "to join by itself",
      ["--join", "localhost:7", "--peer-listen", "127.0.0.1:7"],
      /names this node's own --peer-listen/
    ],
    ["a peer address for others", ["--peer-listen", "10.0.0.1:7"], /only loopback addresses/],
    ["a list that is none", ["--bootstrap", "a127.0.0.1:1"], /Expected NAME=HOST:PORT/],
    ["a list without this node", ["--bootstrap", "b=127.0.0.1:1"], /this node is not in the list/],
    ["a name twice", ["--bootstrap", "a=127.0.0.1:1,a=127.0.0.1:2"], /a name of its own/],
    ["an address twice", ["--bootstrap", "a=127.0.0.1:1,b=127.0.0.1:1"], /an address of its own/],
    ["an address without a port", ["--bootstrap", "a=127.0.0.1:0"], /name the port/],
    ["a listed address for others", ["--bootstrap", "a=10.0.0.1:1"], /only loopback addresses/],
    [
      "another address than the listed one",
      ["--bootstrap", "a=127.0.0.1:1", "--peer-listen", "127.0.0.1:2"],
      /not what --bootstrap says/
    ],
    [
      "eight founders",
      ["--bootstrap", Array.from("abcdefgh", (name, at) => `${name}=h:${at + 1}`).join(",")],
      /at most 7 nodes/
    ]
  ])("%s: refused in one sentence, and nothing is opened", ([, flags, sentence]) =>
    Effect.scoped(
      Effect.gen(function* () {
        const directory = `${yield* temporaryDirectory}/data`
        const listen = ["--listen", "127.0.0.1:0"]
        assertRefused(
          yield* sealog("serve", "--data-dir", directory, "--name", "a", ...listen, ...flags),
          sentence
        )
        expect(existsSync(directory)).toBe(false)
      })
    )
  )
})

describe("nodes that bootstrap", () => {
  live("say at once what they wait for, end well when told to, and go on from there", () =>
    Effect.gen(function* () {
      const all = yield* places(3)
      const flags = bootstrapFlags(all)
      const [one, two, three] = all as [
        ProcessCluster.Place,
        ProcessCluster.Place,
        ProcessCluster.Place
      ]
      const waiting = yield* startAt(two, flags)
      yield* waiting.said(/event=AdmissionWaiting.*the founder n1 is not there yet/)
      const ended = yield* stop(waiting, "SIGTERM")
      expect([ended.code, ended.stdout]).toEqual([0, ""])
      assertRefused(
        yield* sealog("sidecar", "dump", "--data-dir", two.directory),
        /belongs to no cluster, .*\(EncryptionStateMissing\)$/m
      )

      // The founder is killed while it waits.
      const founder = yield* startAt(one, flags)
      yield* founder.said(/founded once these are here: n2, n3/)
      yield* startAt(two, flags)
      yield* founder.said(/founded once these are here: n3/)
      yield* stop(founder, "SIGKILL")
      const third = yield* startAt(three, flags)
      yield* third.said(/the founder n1 is not there yet/)
      yield* serveAt(one, flags)
      yield* put(all, "one", "1")
      expect((yield* Effect.forEach(all, statusOf)).map(({ memberId }) => memberId)).toEqual([
        1, 2, 3
      ])
    })
  )

  live("come to their cluster when the founder is killed before anybody was admitted", () =>
    Effect.gen(function* () {
      const all = yield* places(2)
      const [one, two] = all as [ProcessCluster.Place, ProcessCluster.Place]
      const second = yield* startAt(two, bootstrapFlags(all))
      const founder = yield* startAt(one, bootstrapFlags(all))
      yield* second.said(/waits for other nodes/)
      second.kill("SIGSTOP")
      yield* founder.firstLine
      yield* stop(founder, "SIGKILL")
      yield* serveAt(one, bootstrapFlags(all))
      second.kill("SIGCONT")
      yield* second.firstLine
      yield* put(all, "one", "1")
      const members = yield* Effect.forEach(all, statusOf)
      expect(members.map(({ memberId }) => memberId)).toEqual([1, 2])
      expect(new Set(members.map(({ clusterId }) => clusterId)).size).toBe(1)
    })
  )

  live("refuse a node that was wiped after it had introduced itself", () =>
    Effect.gen(function* () {
      const all = yield* places(2)
      const [one, two] = all as [ProcessCluster.Place, ProcessCluster.Place]
      const second = yield* startAt(two, bootstrapFlags(all))
      const founder = yield* startAt(one, bootstrapFlags(all))
      yield* second.said(/waits for other nodes/)
      yield* stop(second, "SIGKILL")
      yield* founder.firstLine
      yield* Effect.promise(() => rm(two.directory, { recursive: true }))
      const wiped = yield* startAt(two, bootstrapFlags(all))
      const ended = yield* wiped.end
      assert.strictEqual(ended.code, 1)
      expect(ended.stderr).toMatch(/^sealog: .*member remove.*--join.*member add.*$/m)
    })
  )

  live("refuse a node that was wiped, under its old name, with what to do", () =>
    Effect.gen(function* () {
      const all = yield* places(2)
      const flags = bootstrapFlags(all)
      const nodes = yield* bootstrap(all)
      yield* put(all, "one", "1")
      yield* stop(nodes[0]!, "SIGKILL")
      yield* Effect.promise(() => rm(all[0]!.directory, { recursive: true }))
      // The founder: its cluster tells it, or it would found a second one.
      const again = yield* startAt(all[0]!, flags)
      const ended = yield* again.end
      assert.strictEqual(ended.code, 1)
      expect(ended.stdout).toBe("")
      expect(ended.stderr).toMatch(/^sealog: .*member remove.*--join.*member add.*$/m)
    })
  )

  live("are told of another list, and found with those that have theirs", () =>
    Effect.gen(function* () {
      const all = yield* places(2)
      const [one, two] = all as [ProcessCluster.Place, ProcessCluster.Place]
      const founder = yield* startAt(one, bootstrapFlags(all))
      const wrong = yield* startAt(two, [
        "--bootstrap",
        `n1=${one.peer},n3=127.0.0.1:9,n2=${two.peer}`
      ])
      const ended = yield* wrong.end
      assert.strictEqual(ended.code, 1)
      expect(ended.stderr).toMatch(/list is another one; give every node the same list/)
      yield* founder.said(/event=IntroductionRefused/)
      yield* serveAt(two, bootstrapFlags(all))
      yield* put(all, "one", "1")
    })
  )
})

describe("a node that joins", () => {
  live("waits for its member to be there and for member add, and is then one of them", () =>
    Effect.gen(function* () {
      const [one, two] = (yield* places(2)) as [ProcessCluster.Place, ProcessCluster.Place]
      const joining = yield* startAt(two, joinFlags(two, one))
      yield* joining.said(/no connection with/)
      // A lone node with a peer address can be joined.
      yield* serveAt(one, ["--peer-listen", one.peer])
      yield* put([one], "one", "1")
      yield* joining.said(new RegExp(`add it: sealog member add n2=${two.peer}`))
      const added = yield* sealog("member", "add", `n2=${two.peer}`, "--endpoint", one.listen)
      assert.strictEqual(added.code, 0, added.stderr)
      expect(JSON.parse(yield* joining.firstLine)).toMatchObject({ peer: two.peer })
      expect(yield* get(two, "one")).toBe("1")
      yield* put([two], "two", "2")
      expect(yield* get(one, "two")).toBe("2")

      // The flags are ignored from now on, even if there is nobody to join.
      yield* stop(joining, "SIGKILL")
      const again = yield* serveAt(two, ["--join", "127.0.0.1:1", "--peer-listen", two.peer])
      expect(yield* get(two, "two")).toBe("2")

      // What they say is not used, but flags that lack something are refused on any directory.
      yield* stop(again, "SIGTERM")
      const lacking = yield* startAt(two, ["--join", "127.0.0.1:1"])
      assertRefused(yield* lacking.end, /without --peer-listen/)
    })
  )

  live("is told when it has named the port for clients, and a client the one for peers", () =>
    Effect.gen(function* () {
      const [one, two] = (yield* places(2)) as [ProcessCluster.Place, ProcessCluster.Place]
      yield* serveAt(one, ["--peer-listen", one.peer])
      assertRefused(
        yield* sealog("kv", "put", "a", "b", "--endpoint", one.peer),
        /may or may not be applied.*no port for clients.*"listen" \(ConnectionLost\)$/m
      )
      const joining = yield* startAt(two, joinFlags(two, { ...one, peer: one.listen }))
      const ended = yield* joining.end
      assert.strictEqual(ended.code, 1)
      expect(ended.stderr).toMatch(/it serves clients there; name its peer address/)
    })
  )
})

describe("the peer address of an admitted directory", () => {
  live("of a cluster of one is what it is told; data that was alone can be joined", () =>
    Effect.gen(function* () {
      const [one, two] = (yield* places(2)) as [ProcessCluster.Place, ProcessCluster.Place]
      const alone = yield* serveAt(one)
      expect(JSON.parse(alone.readyLine)).not.toHaveProperty("peer")
      yield* put([one], "before", "anybody came")
      yield* stop(alone, "SIGTERM")
      yield* stop(yield* serveAt(one, ["--peer-listen", two.peer]), "SIGTERM")
      const first = yield* serveAt(one, ["--peer-listen", one.peer])
      expect(JSON.parse(first.readyLine)).toMatchObject({ peer: one.peer })

      const joining = yield* startAt(two, joinFlags(two, one))
      yield* addMember(one, two)
      yield* joining.firstLine
      assert.strictEqual(yield* get(two, "before"), "anybody came")
      // The newcomer was told, by the log, where to find the other one.
      const list = yield* sealog("member", "list", "--endpoint", two.listen)
      expect(list.stdout).toMatch(new RegExp(`^1 +n1 +voter +${one.peer} `, "m"))
      yield* stop(first, "SIGTERM")
      const again = yield* serveAt(one)
      expect(JSON.parse(again.readyLine)).toMatchObject({ peer: one.peer })
      yield* put([one, two], "after", "a restart")
    })
  )

  live("with other members is what they know; another one is refused", () =>
    Effect.gen(function* () {
      const [one, two, other] = (yield* places(3)) as [
        ProcessCluster.Place,
        ProcessCluster.Place,
        ProcessCluster.Place
      ]
      const first = yield* serveAt(one, ["--peer-listen", one.peer])
      yield* startAt(two, joinFlags(two, one))
      yield* addMember(one, two)
      yield* stop(first, "SIGTERM")
      const moved = yield* startAt(one, ["--peer-listen", other.peer])
      assertRefused(yield* moved.end, /the other members know this node as/)
      const again = yield* serveAt(one)
      expect(JSON.parse(again.readyLine)).toMatchObject({ peer: one.peer })
    })
  )
})
