/**
 * SPEC §16 with real processes: members that need what the log has forgotten get a snapshot over the
 * real transport, once by joining and once by having been away, and go on from there.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Endpoint from "../../src/domain/api/Endpoint.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as ProcessCluster from "../support/ProcessCluster.ts"
import { sealog, stop } from "../support/ProcessSealog.ts"

const { get, joinFlags, places, put, serveAt, startAt, statusOf } = ProcessCluster

const compacting = ["--compaction-entries", "20", "--compaction-tail-entries", "5"]

/** One entry each. */
const putMany = ({ listen }: ProcessCluster.Place, keys: ReadonlyArray<string>) =>
  Effect.scoped(
    Effect.flatMap(RpcClientSocket.connect(Endpoint.parse(listen)!), (client) =>
      Effect.forEach(keys, (key) => client.put(key, `value of ${key}`), { discard: true })
    )
  )

const keysOf = (prefix: string) => Array.from({ length: 15 }, (_, at) => `${prefix}-${at}`)

describe("a member that needs what the log has forgotten", () => {
  it.live("joins by snapshot, comes back by snapshot, and serves", () =>
    Effect.gen(function* () {
      const [one, two] = (yield* places(2)) as [ProcessCluster.Place, ProcessCluster.Place]
      yield* serveAt(one, ["--peer-listen", one.peer, ...compacting])
      yield* putMany(one, [...keysOf("a"), ...keysOf("b")])

      const joining = yield* startAt(two, [...joinFlags(two, one), ...compacting])
      yield* ProcessCluster.addMember(one, two, ["--learner"])
      yield* joining.firstLine
      assert.strictEqual(yield* get(two, "a-0"), "value of a-0")
      joining.kill("SIGKILL")
      const { stderr } = yield* joining.end
      assert.match(stderr, /event=SnapshotInstalled/, "its log began behind the snapshot")

      yield* putMany(one, [...keysOf("c"), ...keysOf("d")])
      const again = yield* serveAt(two, compacting)
      for (const key of ["a-14", "b-0", "c-0", "d-14"]) {
        assert.strictEqual(yield* get(two, key), `value of ${key}`)
      }
      yield* put([two], "through", "the newcomer")
      assert.strictEqual(yield* get(one, "through"), "the newcomer")
      const [first, second] = [yield* statusOf(one), yield* statusOf(two)]
      assert.strictEqual(first.appliedIndex, second.appliedIndex)
      const ended = yield* stop(again, "SIGTERM")
      assert.match(ended.stderr, /event=SnapshotInstalled/, "it had been away for too long")

      const dump = yield* sealog("log", "dump", "--data-dir", two.directory, "--json")
      const { index } = JSON.parse(dump.stdout.split("\n")[0]!) as { readonly index: number }
      assert.isAbove(index, first.appliedIndex - 30, "its log begins at the snapshot")
    })
  )
})
