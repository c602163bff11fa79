/**
 * `npm run -s barrier -- --clusters 20`: how long writes are held off by a cutover without faults.
 *
 * Each cluster is three real processes, founded anew, with clients that write through all of them; it
 * enters both phases meanwhile. What is measured is what the leader says: how long its barrier was closed,
 * and each step of the run. The last line is `clusters N, barrier closed: median … ms, longest … ms, client
 * errors N`; exit code 0 only if none was closed for longer than is allowed and no client got an error.
 */
import { join } from "node:path"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { summaryOf } from "../bench/Summary.ts"
import * as RpcClientSocket from "../src/layers/RpcClientSocket.ts"
import * as Cluster from "./cluster/Cluster.ts"
import * as ScriptCommand from "./cluster/ScriptCommand.ts"
import * as TemporaryDirectory from "./cluster/TemporaryDirectory.ts"
import * as NodeProcess from "./demo/NodeProcess.ts"
import * as Writers from "./demo/Writers.ts"

class BarrierRefused extends Data.TaggedError("BarrierRefused")<{ readonly message: string }> {}

/** The longest that is accepted in any cluster. */
const closedMillisMax = 50
const names = ["n1", "n2", "n3"]
const clientCount = 24
/** Before either phase is entered, and after the cutover. */
const writesPerPart = 300

/** One cluster from its founding to its end. */
const cutOver = Effect.fnUntraced(function* (number: number) {
  const directory = yield* TemporaryDirectory.make("barrier")
  const kekFile = join(directory, "kek")
  const { code, stderr } = yield* NodeProcess.run("kek", "generate", "--out", kekFile)
  if (code !== 0) return yield* new BarrierRefused({ message: stderr.trim() })
  const cluster = yield* Cluster.start({ directory, names, kekFile })
  const endpoints = names.map(cluster.endpointOf)
  const ledger = new Writers.Ledger()
  const writing = yield* Effect.forkScoped(Writers.run(endpoints, clientCount, ledger))
  const operator = yield* RpcClientSocket.connect(endpoints)

  yield* ledger.more(writesPerPart)
  yield* operator.enableStorageEnvelope
  yield* ledger.more(writesPerPart)
  const { barrierClosedMillis } = yield* operator.enableRaftEnvelope
  yield* ledger.more(writesPerPart)
  ledger.isOver = true
  yield* Fiber.join(writing)

  const leader = yield* RpcClientSocket.connect(cluster.endpointOf(yield* cluster.leader))
  const { lastCutover } = yield* leader.encryptionStatus
  const steps = Object.entries(lastCutover?.stepMillis ?? {})
    .map(([step, millis]) => `${step} ${millis.toFixed(1)}`)
    .join(", ")
  yield* ScriptCommand.say(
    `${number}: barrier closed for ${barrierClosedMillis.toFixed(1)} ms (${steps})`
  )
  return { barrierClosedMillis, clientErrors: ledger.clientErrors }
}, Effect.scoped)

const run = Effect.fnUntraced(function* (clusters: number) {
  const closed: Array<number> = []
  let clientErrors = 0
  for (let number = 1; number <= clusters; number += 1) {
    const cluster = yield* cutOver(number)
    closed.push(cluster.barrierClosedMillis)
    clientErrors += cluster.clientErrors
  }
  const { max, median } = summaryOf(closed)
  const measured = `median ${median.toFixed(1)} ms, longest ${max.toFixed(1)} ms`
  yield* Effect.sync(() =>
    console.log(`clusters ${clusters}, barrier closed: ${measured}, client errors ${clientErrors}`)
  )
  if (max > closedMillisMax || clientErrors > 0) {
    return yield* new BarrierRefused({
      message: `at most ${closedMillisMax} ms and no client error are accepted`
    })
  }
})

const command = Command.make(
  "barrier",
  {
    clusters: Flag.Int("clusters").pipe(
      Flag.withDefault(20),
      Flag.withDescription("How many clusters cut over, one after the other")
    )
  },
  ({ clusters }) =>
    clusters < 1
      ? Effect.fail(new BarrierRefused({ message: "--clusters must be at least 1" }))
      : run(clusters)
)

ScriptCommand.runMain(command)
