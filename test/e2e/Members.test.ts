/**
 * SPEC §15: the members of a real cluster as an operator sees and changes them, on the command line and
 * through any node.
 */
import { rm } from "node:fs/promises"
import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { answered } from "../../scripts/cluster/Asking.ts"
import * as Endpoint from "../../src/domain/api/Endpoint.ts"
import type { NodeName } from "../../src/domain/Ids.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as OperatedCluster from "../support/ProcessOperatedCluster.ts"
import * as Process from "../support/ProcessSealog.ts"

/** A cluster and two dozen processes take their time on a machine that is busy with something else. */
vi.setConfig({ testTimeout: 240_000 })

interface Listed {
  readonly nodeName: string
  readonly votes: boolean
  readonly isReachable: boolean
  readonly role?: string
  readonly lag?: number
}

const tagOf = <A, E extends { readonly _tag: string }, R>(refused: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(refused), ({ _tag }) => _tag)

describe("sealog member, leader and status", () => {
  it.live("show every member, add one that asks, and say what they refuse", () =>
    Effect.gen(function* () {
      const { names, newcomer, ...cluster } = yield* OperatedCluster.start()
      const leader = yield* cluster.leader
      const follower = names.find((name) => name !== leader)!
      const at = ["--endpoint", cluster.placeOf(follower).listen]
      const sealog = (...given: ReadonlyArray<string>) => Process.sealog(...given, ...at)

      const status = Process.json(yield* sealog("status", "--json")) as {
        readonly nodeName: string
        readonly members: ReadonlyArray<Listed>
      }
      assert.strictEqual(status.nodeName, follower)
      assert.deepStrictEqual(
        status.members.map(({ isReachable, nodeName, role, votes }) => [
          nodeName,
          votes,
          isReachable,
          role === "Leader"
        ]),
        names.map((name) => [name, true, true, name === leader])
      )

      const address = `${newcomer.nodeName}=${newcomer.peer}`
      const stranger = yield* sealog("member", "add", address)
      Process.assertRefused(stranger, /no node called n4 has asked the leader to be let in/)
      Process.assertRefused(yield* sealog("member", "add", "n4"), /Expected NAME=HOST:PORT/)
      const last = yield* sealog("member", "remove", "n9")
      Process.assertRefused(last, /no member is called n9; the members are n1, n2, n3/)

      const joining = yield* cluster.join(newcomer)
      const client = yield* RpcClientSocket.connect(cluster.endpoints)
      const nodeName = newcomer.nodeName as NodeName
      const peers = Endpoint.parse(newcomer.peer)!
      const learner = yield* answered(client.addMember({ nodeName, address: peers, learner: true }))
      assert.deepStrictEqual(learner, { id: 4 as never, role: "learner", wasAlready: false })
      yield* joining.firstLine
      assert.strictEqual(yield* tagOf(client.transferLeadership(nodeName)), "NotAVoter")

      const added = yield* sealog("member", "add", address, "--json")
      assert.deepStrictEqual(Process.json(added), { id: 4, role: "voter", wasAlready: false })
      const again = yield* sealog("member", "add", address)
      assert.strictEqual(again.stdout, "n4 was already member 4, a voter\n")
      assert.strictEqual(yield* tagOf(client.promoteMember(nodeName)), "NotALearner")
      const listed = yield* sealog("member", "list")
      assert.match(
        listed.stdout,
        new RegExp(`^4 +n4 +voter +${newcomer.peer} +${newcomer.listen}`, "m")
      )

      const removed = yield* sealog("member", "remove", "n4")
      assert.match(removed.stdout, /^n4 \(member 4\) is removed; stop it/)
      assert.deepStrictEqual(
        (yield* client.members).map((member) => member.nodeName),
        names
      )
    })
  )

  it.live("hand the leadership over, and take back a node whose directory was lost", () =>
    Effect.gen(function* () {
      const { names, ...cluster } = yield* OperatedCluster.start()
      const leader = yield* cluster.leader
      const [follower, third] = names.filter((name) => name !== leader) as [NodeName, NodeName]
      const client = yield* RpcClientSocket.connect(
        names
          .filter((name) => name !== third)
          .map((name) => cluster.endpoints[names.indexOf(name)]!)
      )
      yield* client.put("k", "v")
      const at = ["--endpoint", cluster.placeOf(leader).listen]
      const transferred = yield* Process.sealog("leader", "transfer", follower, ...at)
      assert.match(transferred.stdout, new RegExp(`^${follower} \\(member \\d\\) leads now`))
      assert.strictEqual(yield* cluster.leader, follower)

      yield* cluster.end(third, "SIGKILL")
      const down = yield* Process.sealog("status", ...at)
      assert.match(down.stdout, new RegExp(`^\\d +${third} +voter +no answer`, "m"))
      // Until the leader knows that it is gone it would still be counted.
      yield* answered(
        Effect.map(client.members, (members) =>
          members.find(({ isConnected, nodeName }) => nodeName === third && !isConnected)
        )
      )
      assert.strictEqual(yield* tagOf(client.removeMember(leader)), "QuorumWouldBeLost")

      const place = cluster.placeOf(third)
      yield* Effect.promise(() => rm(place.directory, { recursive: true }))
      const wiped = yield* (yield* cluster.join(place)).end
      assert.strictEqual(wiped.code, 1)
      assert.match(wiped.stderr, /^sealog: .*`member remove` the name first/m)
      const newcomer = { nodeName: third, address: Endpoint.parse(place.peer)!, learner: false }
      const taken = yield* Effect.flip(client.addMember(newcomer))
      assert.strictEqual(taken._tag, "MemberNameTaken")
      assert.include(taken.message, "was it wiped?")

      yield* client.removeMember(third)
      const back = yield* cluster.join(place)
      const added = yield* answered(client.addMember(newcomer))
      assert.deepStrictEqual(added, { id: 4 as never, role: "voter", wasAlready: false })
      yield* back.firstLine
      const node = yield* RpcClientSocket.connect(cluster.endpoints[names.indexOf(third)]!)
      const found = yield* node.get("k")
      assert.strictEqual(Buffer.from(found!.value).toString(), "v")
    })
  )
})
