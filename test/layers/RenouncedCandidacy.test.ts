/**
 * SPEC §6: a member of a cluster that cannot register as a writer follows, from its start on or from the
 * moment it is refused, and one whose epochs are used up leads again under another DEK.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { GroupId, KeyId, LocalEpoch } from "../../src/domain/Ids.ts"
import * as LocalRecord from "../../src/domain/log/LocalRecord.ts"
import { EncryptionAdmin } from "../../src/services/EncryptionAdmin.ts"
import { elected, inTime, until } from "../support/FrontedCluster.ts"
import type { MemoryCluster } from "../support/MemoryCluster.ts"
import { cutOver, enableStorage, get, put } from "../support/NodeCalls.ts"

const rotateRaft = Effect.flatMap(EncryptionAdmin, (admin) => admin.rotateDek({ purpose: "raft" }))

const inPhase2 = Effect.gen(function* () {
  const all = yield* elected()
  yield* inTime(all.at(all.leader, enableStorage))
  yield* inTime(all.at(all.leader, cutOver))
  yield* inTime(all.at(all.leader, put("a", "1")))
  return all
})

const reasonOf = (cluster: MemoryCluster, name: string) => cluster.engine(name).candidacyRenounced()

const transfer = (cluster: MemoryCluster, from: string, to: string) =>
  cluster.engine(from).transferLeadership(cluster.memberId(to))

/** As after 65,535 openings. */
function useUpEpochs(cluster: MemoryCluster, name: string, keyId: KeyId): void {
  const disk = cluster.disk(name)
  const local = Result.getOrThrow(LocalRecord.decode(0 as GroupId, disk.local!))
  disk.local = LocalRecord.encode({ ...local, epochs: new Map([[keyId, 0xffff as LocalEpoch]]) })
}

describe("a member without an epoch left for the active raft DEK", () => {
  it.effect("follows from its start on, is handed nothing, and leads under the next DEK", () =>
    Effect.gen(function* () {
      const { at, cluster, followers, leader, serve, stop } = yield* inPhase2
      const [worn] = followers
      yield* stop(worn)
      useUpEpochs(cluster, worn, cluster.applier(leader).sidecar.active.raft)
      yield* inTime(cluster.start(worn))
      yield* serve(worn)
      expect(reasonOf(cluster, worn), "before it has led").toBe("LocalEpochExhausted")
      const { term } = cluster.engine(leader).status()
      const refused = yield* inTime(Effect.flip(transfer(cluster, leader, worn)))
      expect(refused).toMatchObject({ _tag: "TransferFailed" })
      expect(cluster.engine(leader).status()).toMatchObject({ role: "Leader", term })

      const { keyId } = yield* inTime(at(leader, rotateRaft))
      yield* until(() => cluster.applier(worn).sidecar.active.raft === keyId)
      yield* until(() => reasonOf(cluster, worn) === undefined)
      yield* inTime(transfer(cluster, leader, worn))
      yield* until(() => cluster.readyLeader() === worn)
      yield* inTime(at(leader, put("a", "2")))
      expect(yield* inTime(at(worn, get("a")))).toBe("2")
    })
  )
})

describe("a member whose record of epochs is an old copy", () => {
  it.effect("is refused also if the next leader commits its registration", () =>
    Effect.gen(function* () {
      const { cluster, followers, leader } = yield* inPhase2
      const [copied, other] = followers
      const old = Buffer.from(cluster.disk(copied).local!)
      yield* inTime(transfer(cluster, leader, copied))
      yield* until(() => cluster.readyLeader() === copied)
      yield* inTime(cluster.engine(copied).sealingReady)
      yield* inTime(transfer(cluster, copied, leader))
      yield* until(() => cluster.readyLeader() === leader)
      yield* cluster.stop(copied)
      cluster.disk(copied).local = old
      yield* inTime(cluster.start(copied))

      // It leads, its registration reaches the others, and nothing of what they answer reaches it.
      const id = cluster.memberId(copied)
      const { term: before } = cluster.engine(leader).status()
      let isRegistering = false
      cluster.network.fate = (message) => {
        if (message._tag === "Append" && message.from === id) {
          isRegistering ||= message.entries.some(({ kind }) => kind === "registration")
        }
        return isRegistering && message.to === id ? [] : [0]
      }
      yield* inTime(Effect.exit(transfer(cluster, leader, copied)))
      yield* until(() => isRegistering)
      yield* until(() => [leader, other].includes(cluster.readyLeader() ?? ""))
      expect(cluster.engine(other).status().term).toBeGreaterThan(before + 1)
      expect(reasonOf(cluster, copied), "it has not heard of it").toBeUndefined()
      cluster.network.fate = () => [0]
      yield* until(() => reasonOf(cluster, copied) !== undefined)
      expect(reasonOf(cluster, copied)).toBe("LocalEpochRollback")
      expect(cluster.engine(copied).status().role).toBe("Follower")
    })
  )
})
