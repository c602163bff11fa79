/**
 * SPEC §11 in a cluster of real processes: a node that cannot use an entry stops alone, with exit code 70
 * and in front of that entry; the other two take writes meanwhile, and once it is mended it replays the
 * entry and catches up.
 */
import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Running } from "../../scripts/demo/NodeProcess.ts"
import { DataKey } from "../../src/domain/encryption/DataKey.ts"
import * as Nonce from "../../src/domain/encryption/Nonce.ts"
import * as WrappedDek from "../../src/domain/encryption/WrappedDek.ts"
import type { Entry } from "../../src/domain/raft/Entry.ts"
import * as SealedCluster from "../support/ProcessSealedCluster.ts"
import * as StoppedDirectory from "../support/StoppedDirectory.ts"

/** A cluster and a dozen processes take their time on a machine that is busy with something else. */
vi.setConfig({ testTimeout: 240_000 })

const { environments, replace } = StoppedDirectory

const haltSentence = /^sealog: the node has halted: .* (\d+) of term \d+ .*$/m

/** Ends by itself with exit code 70; returns the index it names, behind what it has applied. */
const haltsAlone = Effect.fnUntraced(function* (process: Running, directory: string, says: RegExp) {
  const { code, signal, stderr } = yield* process.end
  assert.strictEqual(signal, null)
  assert.strictEqual(code, 70, stderr)
  assert.match(stderr, says)
  assert.match(stderr, haltSentence)
  const index = Number(haltSentence.exec(stderr)![1])
  const { applied } = yield* StoppedDirectory.replicatedState(directory)
  assert.strictEqual(applied.index, index - 1, "it stays in front of the entry")
  return index
})

/** It has replayed what it halted at, holds what the others wrote, and leads if it is told to. */
const catchesUp = Effect.fnUntraced(function* (
  cluster: SealedCluster.SealedCluster,
  { key, name }: { readonly name: SealedCluster.Name; readonly key: string }
) {
  yield* cluster.restart(name)
  yield* cluster.holds(name, key, "taken by two")
  yield* cluster.handTo(name)
  const client = yield* cluster.clientOf(name)
  yield* client.put(`${key}, afterwards`, "led by it")
  for (const other of cluster.names) yield* cluster.holds(other, `${key}, afterwards`, "led by it")
})

/** The two that are left take a write. */
const writeWithout = Effect.fnUntraced(function* (
  cluster: SealedCluster.SealedCluster,
  name: string,
  key: string
) {
  const others = yield* cluster.clientOf(...cluster.othersThan(name))
  yield* others.put(key, "taken by two")
}, Effect.scoped)

describe("one bad replica of three", () => {
  it.live("halts at the bootstrap that it cannot unwrap, under another KEK and under none", () =>
    Effect.gen(function* () {
      const cluster = yield* SealedCluster.start()
      const client = yield* cluster.clientOf(...cluster.names)
      yield* client.put("plain", "of phase 0")
      const bad = yield* cluster.follower
      const directory = cluster.directoryOf(bad)
      const { state } = environments(directory)
      yield* cluster.end(bad, "SIGTERM")
      yield* replace(`${directory}-state`, state)
      yield* cluster.restart(bad)
      yield* cluster.cutOver
      yield* client.put("k", "sealed")
      yield* cluster.holds(bad, "k", "sealed")
      yield* cluster.end(bad, "SIGTERM")

      // As if all that the state had done since were lost: it holds no key yet, so no guard refuses.
      yield* replace(state, `${directory}-state`)
      const wrong = yield* cluster.attempt(bad, ["--kek-file", cluster.otherKekFile])
      const at = yield* haltsAlone(wrong, directory, /does not unwrap data keys \d+, \d+;/)
      yield* writeWithout(cluster, bad, "without it")
      const none = yield* cluster.attempt(bad, [])
      const again = yield* haltsAlone(none, directory, /notConfigured/)
      assert.strictEqual(again, at, "no entry is skipped")
      yield* catchesUp(cluster, { name: bad, key: "without it" })
      yield* cluster.holds(bad, "k", "sealed")
    })
  )

  it.live("halts at an entry of the leader's that its keys do not open, while it serves", () =>
    Effect.gen(function* () {
      const cluster = yield* SealedCluster.start()
      yield* cluster.cutOver
      const client = yield* cluster.clientOf(...cluster.names)
      yield* client.put("k", "sealed")
      const bad = yield* cluster.follower
      const directory = cluster.directoryOf(bad)
      const { state } = environments(directory)
      yield* cluster.holds(bad, "k", "sealed")
      yield* cluster.end(bad, "SIGTERM")
      yield* replace(`${directory}-state`, state)
      const { kek, row } = yield* StoppedDirectory.raftDek(directory, cluster.kekFile)
      const other = new DataKey(row, Buffer.alloc(32, 9))
      const wrapped = WrappedDek.wrap({ kek, nonce: Nonce.random(Buffer.alloc(12, 3)) }, other)
      yield* StoppedDirectory.rewriteReplicatedState(directory, (replicated) => {
        const keys = replicated.sidecar.keys.map((key) =>
          key.id === row.id ? { ...key, wrapped } : key
        )
        replicated.sidecar = { ...replicated.sidecar, keys }
      })

      const serving = yield* cluster.attempt(bad, ["--kek-file", cluster.kekFile])
      yield* serving.firstLine
      yield* writeWithout(cluster, bad, "without it")
      const says = new RegExp(`does not open under key ${row.id} \\(tagMismatch\\)`)
      const at = yield* haltsAlone(serving, directory, says)
      yield* writeWithout(cluster, bad, "still without it")
      const restarted = yield* cluster.attempt(bad, ["--kek-file", cluster.kekFile])
      assert.strictEqual(yield* haltsAlone(restarted, directory, says), at, "no entry is skipped")

      yield* replace(state, `${directory}-state`)
      yield* catchesUp(cluster, { name: bad, key: "still without it" })
    })
  )

  it.live("halts at an entry that was changed in its own log, and the cluster does not", () =>
    Effect.gen(function* () {
      const cluster = yield* SealedCluster.start()
      yield* cluster.cutOver
      const client = yield* cluster.clientOf(...cluster.names)
      const bad = yield* cluster.follower
      const directory = cluster.directoryOf(bad)
      const { state } = environments(directory)
      yield* cluster.end(bad, "SIGTERM")
      yield* replace(`${directory}-state`, state)
      yield* cluster.restart(bad)
      yield* client.put("k", "sealed")
      yield* cluster.holds(bad, "k", "sealed")
      yield* cluster.end(bad, "SIGTERM")
      yield* replace(state, `${directory}-state`)
      let whole: Entry | undefined
      yield* StoppedDirectory.rewriteLastEntries(directory, 1, ([last]) => {
        assert.strictEqual(last!.kind, "normal")
        whole = last!
        const data = Buffer.from(whole.data)
        data[data.length - 1]! ^= 1
        return Effect.succeed([{ ...whole, data }])
      })

      const says = /does not open under key \d+ \(tagMismatch\)/
      const first = yield* cluster.attempt(bad, ["--kek-file", cluster.kekFile])
      const at = yield* haltsAlone(first, directory, says)
      yield* writeWithout(cluster, bad, "without it")
      // Its peers do not mend it: by term and index it has what they have.
      const restarted = yield* cluster.attempt(bad, ["--kek-file", cluster.kekFile])
      assert.strictEqual(yield* haltsAlone(restarted, directory, says), at, "no entry is skipped")

      // Not by an older copy of the log: that would be a disk that was rolled back (SPEC §3).
      yield* StoppedDirectory.rewriteLastEntries(directory, 1, ([last]) => {
        assert.strictEqual(last!.index, whole!.index)
        return Effect.succeed([whole!])
      })
      yield* catchesUp(cluster, { name: bad, key: "without it" })
      yield* cluster.holds(bad, "k", "sealed")
    })
  )
})
