/**
 * `npm run -s snapshot-join -- --mebibytes 1100`: a node joins another one whose log has forgotten its
 * beginning, so that it gets a snapshot over the real transport, while the leader goes on serving.
 *
 * Both processes have a heap of at most 256 MiB. The last line is `MiB/s …, slowest write … ms, anonymous
 * memory of leader … and learner … MiB`; exit code 0 only if a snapshot was sent and installed and every
 * value is there. Fewer than about 1,030 MiB are not compacted, and refused.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Endpoint from "../src/domain/api/Endpoint.ts"
import { NodeName } from "../src/domain/Ids.ts"
import * as Limits from "../src/domain/Limits.ts"
import * as NodeConfigLive from "../src/layers/NodeConfigLive.ts"
import * as RpcClientSocket from "../src/layers/RpcClientSocket.ts"
import * as Cluster from "./cluster/Cluster.ts"
import { keptPorts } from "./cluster/KeptPort.ts"
import * as ScriptCommand from "./cluster/ScriptCommand.ts"
import * as TemporaryDirectory from "./cluster/TemporaryDirectory.ts"
import * as NodeProcess from "./demo/NodeProcess.ts"

class JoinFailed extends Data.TaggedError("JoinFailed")<{ readonly message: string }> {}

const valueBytes = 512 * Limits.kibibyte
const mebibytesMin = 6 + NodeConfigLive.defaults.compactionBytes / Limits.mebibyte
const launch = { environment: { NODE_OPTIONS: "--max-old-space-size=256" } }

const keyOf = (at: number) => `key-${at}`
const valueOf = (at: number) => new Uint8Array(valueBytes).fill(at)

/** What the process has of its own; its map of the state is the page cache's. */
const anonymousMebibytes = (pid: number): number => {
  const found = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))
  return Math.round(Number(found?.[1]) / 1024)
}

/** Writes at the leader until the joined node has the last value; answers the slowest write. */
const writeUntilInstalled = Effect.fnUntraced(function* (
  leader: RpcClientSocket.Client,
  learner: RpcClientSocket.Client,
  lastKey: string
) {
  let slowestMillis = 0
  for (;;) {
    const began = performance.now()
    yield* leader.put("meanwhile", "x")
    slowestMillis = Math.max(slowestMillis, performance.now() - began)
    const found = yield* Effect.option(learner.get(lastKey, { stale: true }))
    if (found._tag === "Some" && found.value !== undefined) return slowestMillis
    yield* Effect.sleep(20)
  }
})

const wrongValues = Effect.fnUntraced(function* (client: RpcClientSocket.Client, count: number) {
  let wrong = 0
  for (let at = 0; at < count; at++) {
    const found = yield* client.get(keyOf(at))
    const isRight = found !== undefined && Buffer.compare(found.value, valueOf(at)) === 0
    if (!isRight) wrong += 1
  }
  return wrong
})

const run = Effect.fnUntraced(function* (mebibytes: number) {
  const directory = yield* TemporaryDirectory.make("join")
  const nodeOf = (nodeName: string, flags: ReadonlyArray<string>) => ({
    ...{ directory: join(directory, nodeName), nodeName, flags, launch }
  })
  const [port, ownPort] = (yield* keptPorts(2)) as [number, number]
  const leaderNode = yield* NodeProcess.serve(nodeOf("n1", ["--peer-listen", `127.0.0.1:${port}`]))
  const leader = yield* RpcClientSocket.connect(leaderNode.endpoint)
  const count = Math.ceil((mebibytes * Limits.mebibyte) / valueBytes)
  const numbers = Array.from({ length: count }, (_, at) => at)
  const put = (at: number) => leader.put(keyOf(at), valueOf(at))
  yield* Effect.forEach(numbers, put, { concurrency: 8, discard: true })

  const flags = ["--join", `127.0.0.1:${port}`, "--peer-listen", `127.0.0.1:${ownPort}`]
  const learnerNode = yield* NodeProcess.start(
    NodeProcess.serveArguments(nodeOf("n2", flags)),
    launch
  )
  const newcomer = { nodeName: NodeName.make("n2"), address: { host: "127.0.0.1", port: ownPort } }
  yield* Cluster.until(
    "member added",
    Effect.as(leader.addMember({ ...newcomer, learner: true }), true)
  )
  const began = performance.now()
  const { listen } = JSON.parse(yield* learnerNode.firstLine) as { readonly listen: string }
  const learner = yield* RpcClientSocket.connect(Endpoint.parse(listen)!)
  const slowestMillis = yield* writeUntilInstalled(leader, learner, keyOf(count - 1))
  const seconds = (performance.now() - began) / 1000
  const memory = [leaderNode, learnerNode].map(({ pid }) => anonymousMebibytes(pid))
  const wrong = yield* wrongValues(learner, count)
  leaderNode.kill("SIGTERM")
  const { stderr } = yield* leaderNode.end
  yield* Effect.sync(() =>
    console.log(
      `MiB/s ${Math.round(mebibytes / seconds)}, slowest write ${Math.round(slowestMillis)} ms, anonymous memory of leader ${memory[0]} and learner ${memory[1]} MiB`
    )
  )
  if (wrong > 0) return yield* new JoinFailed({ message: `${wrong} values are wrong or missing` })
  if (!stderr.includes("SnapshotSent")) {
    return yield* new JoinFailed({ message: "no snapshot was needed, so none was measured" })
  }
}, Effect.scoped)

const command = Command.make(
  "snapshot-join",
  {
    mebibytes: Flag.Int("mebibytes").pipe(
      Flag.withDefault(1_100),
      Flag.withDescription("How much is written before the node joins")
    )
  },
  ({ mebibytes }) =>
    mebibytes < mebibytesMin
      ? Effect.fail(new JoinFailed({ message: `--mebibytes must be at least ${mebibytesMin}` }))
      : run(mebibytes)
)

ScriptCommand.runMain(command)
