/**
 * SPEC §3, §6 in a cluster of real processes in phase 2: a node whose disk is from before it last led never
 * seals under a nonce that is used up. Its peers refuse it; and should they not know better, it is
 * refused as a writer.
 */
import { rm } from "node:fs/promises"
import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { answered } from "../../scripts/cluster/Asking.ts"
import * as Endpoint from "../../src/domain/api/Endpoint.ts"
import * as SealedCluster from "../support/ProcessSealedCluster.ts"
import * as StoppedDirectory from "../support/StoppedDirectory.ts"

/** A cluster and a dozen processes take their time on a machine that is busy with something else. */
vi.setConfig({ testTimeout: 240_000 })

type Cluster = SealedCluster.SealedCluster

/** That node leads and seals this write. */
const sealAt = Effect.fnUntraced(function* (
  cluster: Cluster,
  name: SealedCluster.Name,
  key: string
) {
  yield* cluster.handTo(name)
  const client = yield* cluster.clientOf(name)
  yield* client.put(key, `sealed by ${name}`)
  return yield* client.encryptionStatus
}, Effect.scoped)

/** In all these logs no nonce has sealed two things; returns how many there are. */
const assertNoncesUnique = Effect.fnUntraced(function* (directories: ReadonlyArray<string>) {
  const logs = yield* Effect.forEach(directories, StoppedDirectory.sealedUnder)
  const seen = new Map<string, string>()
  for (const [nonce, sealed] of logs.flat()) {
    assert.strictEqual(sealed, seen.get(nonce) ?? sealed, `nonce ${nonce} has sealed two things`)
    seen.set(nonce, sealed)
  }
  for (const log of logs) {
    assert.lengthOf(log, new Set(log.map(([nonce]) => nonce)).size, "no nonce twice in one log")
  }
  return seen.size
})

describe("a node of a cluster in phase 2 whose disk was rolled back", () => {
  it.live("is refused by its peers for good, and returns only as another writer", () =>
    Effect.gen(function* () {
      const cluster = yield* SealedCluster.start()
      yield* cluster.cutOver
      const bad = yield* cluster.follower
      const directory = cluster.directoryOf(bad)
      const [peer, other] = cluster.othersThan(bad) as [SealedCluster.Name, SealedCluster.Name]
      const { writerId } = yield* sealAt(cluster, bad, "before")
      yield* cluster.end(bad, "SIGTERM")
      yield* StoppedDirectory.replace(`${directory}-old`, directory)
      yield* cluster.restart(bad)
      yield* sealAt(cluster, bad, "after")
      for (const name of cluster.names) yield* cluster.holds(name, "after", `sealed by ${bad}`)
      yield* cluster.end(bad, "SIGKILL")
      yield* StoppedDirectory.replace(`${directory}-killed`, directory)

      yield* StoppedDirectory.replace(directory, `${directory}-old`)
      const restored = yield* cluster.restart(bad)
      yield* restored.said(/reason=diskRolledBack/)
      // They remember it when they are started again.
      yield* cluster.end(peer, "SIGKILL")
      const again = yield* cluster.restart(peer)
      yield* again.said(/reason=diskRolledBack/)
      const others = yield* cluster.clientOf(peer, other)
      yield* others.put("meanwhile", "taken by two")
      const { stderr } = yield* cluster.end(bad, "SIGTERM")
      assert.notMatch(stderr, /event=LeadershipGained/)
      yield* StoppedDirectory.replace(`${directory}-restored`, directory)

      yield* Effect.promise(() => rm(directory, { recursive: true }))
      yield* others.removeMember(bad)
      const place = cluster.placeOf(bad)
      const joining = yield* cluster.join(place, peer)
      const address = Endpoint.parse(place.peer)!
      yield* answered(others.addMember({ nodeName: bad, address, learner: false }))
      yield* joining.firstLine
      const { writerId: another } = yield* sealAt(cluster, bad, "as another writer")
      assert.isNumber(writerId)
      assert.isNumber(another)
      assert.notStrictEqual(another, writerId)
      for (const name of cluster.names) {
        yield* cluster.holds(name, "as another writer", `sealed by ${bad}`)
      }
      joining.kill("SIGTERM")
      yield* joining.end
      for (const name of [peer, other]) yield* cluster.end(name, "SIGTERM")
      const copies = ["-old", "-killed", "-restored"].map((copy) => `${directory}${copy}`)
      const count = yield* assertNoncesUnique([
        ...cluster.names.map(cluster.directoryOf),
        ...copies
      ])
      assert.isAtLeast(count, 4)
    })
  )

  it.live("is refused as a writer if only its epochs are old, steps down and leads no more", () =>
    Effect.gen(function* () {
      const cluster = yield* SealedCluster.start()
      yield* cluster.cutOver
      const bad = yield* cluster.follower
      yield* sealAt(cluster, bad, "before")
      yield* cluster.end(bad, "SIGTERM")
      const rewritten = yield* StoppedDirectory.rewriteEpochs(
        cluster.directoryOf(bad),
        (epoch) => epoch - 1
      )
      assert.strictEqual(rewritten, 1)
      const rolledBack = yield* cluster.restart(bad)
      const client = yield* cluster.clientOf(...cluster.names)
      // It leads until its noop is applied and it has to register.
      yield* answered(
        Effect.gen(function* () {
          yield* Effect.ignore(client.transferLeadership(bad))
          const own = yield* cluster.clientOf(bad)
          return (yield* own.status).candidacyRenounced
        }).pipe(Effect.scoped)
      )
      yield* rolledBack.said(/event=CandidacyRenounced reason=LocalEpochRollback/)
      yield* client.put("afterwards", "led by another")
      for (const name of cluster.names) yield* cluster.holds(name, "afterwards", "led by another")
      const own = yield* cluster.clientOf(bad)
      const { candidacyRenounced, role } = yield* own.status
      assert.deepStrictEqual([candidacyRenounced, role], ["LocalEpochRollback", "Follower"])
      for (const name of cluster.names) yield* cluster.end(name, "SIGTERM")
      const count = yield* assertNoncesUnique(cluster.names.map(cluster.directoryOf))
      assert.isAtLeast(count, 2)
    })
  )
})
