/**
 * `npm run -s failover -- --kills 20`: kills the leader of three real processes again and again, and
 * measures how long it takes until a write is accepted again.
 *
 * From the moment of the kill on, one write is tried at each of the two nodes that are left. The last
 * line is `kills N, median … election time-outs, slowest …, lost N`; exit code 0 only if the median is
 * below two election time-outs and everything that was acknowledged is read back.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { summaryOf } from "../bench/Summary.ts"
import * as RpcClientSocket from "../src/layers/RpcClientSocket.ts"
import * as Cluster from "./cluster/Cluster.ts"
import { electionMillis, inTimeouts } from "./cluster/ElectionTimeouts.ts"
import * as ScriptCommand from "./cluster/ScriptCommand.ts"
import * as TemporaryDirectory from "./cluster/TemporaryDirectory.ts"

class FailoverRefused extends Data.TaggedError("FailoverRefused")<{ readonly message: string }> {}

/** The worst median that is accepted, in election time-outs. */
const medianMax = 2
const names = ["n1", "n2", "n3"]

/** Tries one write until this node has accepted it. */
const accepted = (client: RpcClientSocket.Client, key: string) =>
  Effect.gen(function* () {
    for (;;) {
      const answer = yield* Effect.result(client.put(key, key))
      if (answer._tag === "Success") return performance.now()
      yield* Effect.sleep(5)
    }
  })

/** Kills the leader; answers how long no write was accepted. */
const round = Effect.fnUntraced(function* (
  cluster: Effect.Success<ReturnType<typeof Cluster.start>>,
  key: string
) {
  const leader = yield* cluster.leader
  const survivors = [...cluster.nodes].filter(([name]) => name !== leader)
  const clients = yield* Effect.forEach(survivors, ([, { endpoint }]) =>
    RpcClientSocket.connect(endpoint)
  )
  const killedAt = performance.now()
  yield* cluster.kill(leader)
  const acceptedAt = yield* Effect.raceAllFirst(clients.map((client) => accepted(client, key)))
  yield* cluster.restart(leader)
  return acceptedAt - killedAt
}, Effect.scoped)

/** How many of the keys are not there any more, read from the leader. */
const lostOf = Effect.fnUntraced(function* (
  cluster: Effect.Success<ReturnType<typeof Cluster.start>>,
  keys: ReadonlyArray<string>
) {
  const leader = cluster.nodes.get(yield* cluster.leader)!
  const client = yield* RpcClientSocket.connect(leader.endpoint)
  const found = yield* Effect.forEach(keys, (key) => client.get(key))
  return found.filter((value) => value === undefined).length
}, Effect.scoped)

const run = Effect.fnUntraced(function* (kills: number) {
  const directory = yield* TemporaryDirectory.make("failover")
  const cluster = yield* Cluster.start({ directory, names })
  const keys = Array.from({ length: kills }, (_, at) => `kill-${at + 1}`)
  const pauses: Array<number> = []
  for (const key of keys) {
    const millis = yield* round(cluster, key)
    pauses.push(millis)
    yield* ScriptCommand.say(
      `${key}: ${millis.toFixed(0)} ms, ${inTimeouts(millis)} election time-outs`
    )
  }
  const lost = yield* lostOf(cluster, keys)
  const { max, median } = summaryOf(pauses)
  yield* Effect.sync(() =>
    console.log(
      `kills ${kills}, median ${inTimeouts(median)} election time-outs, slowest ${inTimeouts(max)}, lost ${lost}`
    )
  )
  if (lost > 0 || median >= medianMax * electionMillis) {
    return yield* new FailoverRefused({ message: "not as it must be" })
  }
}, Effect.scoped)

const command = Command.make(
  "failover",
  { kills: Flag.Int("kills").pipe(Flag.withDefault(20), Flag.withDescription("How many kills")) },
  ({ kills }) =>
    kills < 1
      ? Effect.fail(new FailoverRefused({ message: "--kills must be at least 1" }))
      : run(kills)
)

ScriptCommand.runMain(command)
