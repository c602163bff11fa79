/**
 * SPEC §17 in a cluster of real processes: the node whose key or directory is wrong refuses to start, with
 * one sentence; the other two take writes meanwhile, and it catches up once it is right.
 */
import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Position from "../../src/domain/raft/Position.ts"
import * as SealedCluster from "../support/ProcessSealedCluster.ts"
import * as Process from "../support/ProcessSealog.ts"
import * as StoppedDirectory from "../support/StoppedDirectory.ts"

/** A cluster and a dozen processes take their time on a machine that is busy with something else. */
vi.setConfig({ testTimeout: 240_000 })

/** Stops a follower, spoils something, and starts it so; then mends it. */
const refusedAlone = Effect.fnUntraced(function* (
  cluster: SealedCluster.SealedCluster,
  wrong: {
    readonly key: string
    readonly kekFile: string
    readonly spoil: (directory: string) => Effect.Effect<void, unknown>
    readonly says: RegExp
  }
) {
  const follower = yield* cluster.follower
  const directory = cluster.directoryOf(follower)
  yield* cluster.end(follower, "SIGTERM")
  yield* StoppedDirectory.replace(`${directory}-right`, directory)
  yield* wrong.spoil(directory)
  const refused = yield* cluster.attempt(follower, ["--kek-file", wrong.kekFile])
  Process.assertRefused(yield* refused.end, wrong.says)

  const others = yield* cluster.clientOf(...cluster.othersThan(follower))
  yield* others.put(wrong.key, "taken by two")
  yield* StoppedDirectory.replace(directory, `${directory}-right`)
  yield* cluster.restart(follower)
  yield* cluster.holds(follower, wrong.key, "taken by two")
})

describe("a node of a cluster in phase 2", () => {
  it.live("is refused alone over another KEK, and over a snapshot that denies the cutover", () =>
    Effect.gen(function* () {
      const cluster = yield* SealedCluster.start()
      const cutoverIndex = yield* cluster.cutOver
      const client = yield* cluster.clientOf(...cluster.names)
      yield* client.put("k", "v")
      const { keys } = yield* client.encryptionStatus
      assert.lengthOf(keys, 2)
      const ids = keys.map(({ id }) => id).toSorted((a, b) => a - b)
      yield* refusedAlone(cluster, {
        key: "during the wrong KEK",
        kekFile: cluster.otherKekFile,
        spoil: () => Effect.void,
        says: new RegExp(`does not unwrap data keys ${ids.join(", ")};`)
      })
      yield* refusedAlone(cluster, {
        key: "during the divergence",
        kekFile: cluster.kekFile,
        spoil: (directory) =>
          StoppedDirectory.pointLog(directory, (own) => ({ cutover: Position.before(own) })),
        says: new RegExp(
          `snapshot at \\d+ says cutover ${cutoverIndex - 1}, the state at \\d+ says ${cutoverIndex}; restore`
        )
      })
      const statuses = yield* Effect.forEach(cluster.names, (name) =>
        Effect.flatMap(cluster.clientOf(name), ({ encryptionStatus }) => encryptionStatus)
      )
      assert.deepStrictEqual(
        statuses.map((status) => [status.phase, status.cutoverIndex]),
        statuses.map(() => [2, cutoverIndex])
      )
    })
  )
})
