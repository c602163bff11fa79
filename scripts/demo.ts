/**
 * `npm run demo`: three nodes switch their log from plaintext to ciphertext while clients write through
 * all of them. The leader is killed right after the marker, a node is started with the wrong key, another
 * one is wiped and joins again by a snapshot; then everything that was acknowledged is read back, on
 * every node.
 *
 * Everything reported is observed from outside: real processes, real sockets, the raw files on disk.
 * With `--json` the report is one line on stdout and the progress goes to stderr. Exit code 0 only if
 * all is as it must be. Nothing is left behind: no process and no directory.
 * Proof: `test/e2e/Demo.test.ts`, `test/scripts/Demo.test.ts`.
 */

import { join } from "node:path"
import { performance } from "node:perf_hooks"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as RpcClientSocket from "../src/layers/RpcClientSocket.ts"
import * as Cluster from "./cluster/Cluster.ts"
import * as TemporaryDirectory from "./cluster/TemporaryDirectory.ts"
import * as NodeProcess from "./demo/NodeProcess.ts"
import * as Report from "./demo/Report.ts"
import * as Scenes from "./demo/Scenes.ts"
import * as Verification from "./demo/Verification.ts"
import * as Writers from "./demo/Writers.ts"

const { NotAsItMustBe } = Scenes

const names = ["n1", "n2", "n3"]
const clientCount = 24
const demoMillisMax = 230_000

const isJson = process.argv.includes("--json")

const startedAt = performance.now()
const say = (text: string) =>
  Effect.sync(() => {
    const stream = isJson ? process.stderr : process.stdout
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(2).padStart(6)
    stream.write(`${seconds} s  ${text}\n`)
  })

const generateKek = Effect.fnUntraced(function* (path: string) {
  const { code, stderr } = yield* NodeProcess.run("kek", "generate", "--out", path)
  if (code !== 0) return yield* new NotAsItMustBe({ message: stderr.trim() })
  return path
})

/** Three nodes, and nobody who writes yet. */
const openStage = Effect.gen(function* () {
  const directory = yield* TemporaryDirectory.make("demo")
  const [kekFile, wrongKekFile] = yield* Effect.all(
    [generateKek(join(directory, "kek")), generateKek(join(directory, "wrong-kek"))],
    { concurrency: "unbounded" }
  )
  const cluster = yield* Cluster.start({ directory, names, kekFile })
  const operator = yield* RpcClientSocket.connect(names.map(cluster.endpointOf))
  const leader = yield* cluster.leader
  yield* say(`${names.join(", ")} are one cluster, ${leader} leads; ${clientCount} clients begin`)
  const stage: Scenes.Stage = { cluster, ledger: new Writers.Ledger(), operator, say, wrongKekFile }
  return stage
})

/** All that happens while the clients write. */
const play = Effect.fnUntraced(function* (stage: Scenes.Stage) {
  const { cluster, ledger } = stage
  const control = yield* Scenes.enterPhaseOne(stage)
  const isRehearsed = yield* Scenes.rehearse(stage)
  const cutover = yield* Scenes.cutOver(stage)
  const { again, canary, restart } = yield* Scenes.survive(stage, cutover.leader)
  const keys = yield* Scenes.raftKeyOf(stage)
  const needles = { control, canary, sealedMark: cutover.sealedMark }
  const disks = new Verification.Disks(needles, { cutoverIndex: cutover.cutoverIndex, ...keys })
  yield* disks.inspect(cluster.directoryOf(cutover.leader), { hasWholeLog: true })
  yield* restart
  yield* say(`${cutover.leader} is back`)

  const wrongKek = yield* Scenes.giveWrongKek(stage, cutover.leader)
  const last = names.find((name) => name !== cutover.leader && name !== wrongKek.nodeName)!
  yield* cluster.stop(last)
  yield* disks.inspect(cluster.directoryOf(last), { hasWholeLog: true })
  yield* Scenes.wipe(stage, last)
  const hasCaughtUp = yield* Scenes.rejoin(stage, last)
  yield* ledger.until(() => ledger.acknowledged.length >= Report.acknowledgedMin)
  ledger.isOver = true
  const isWrongKekRefused = wrongKek.isRefused
  const shown = { isRehearsed, isWrongKekRefused, hasCaughtUp }
  return { again, cutover, disks, markedWrites: 2, ...shown }
})

const demonstration = Effect.gen(function* () {
  const stage = yield* openStage
  const { cluster, ledger } = stage
  const writing = yield* Effect.forkScoped(
    Writers.run(names.map(cluster.endpointOf), clientCount, ledger)
  )
  const played = yield* Effect.raceFirst(
    play(stage),
    Effect.andThen(Fiber.join(writing), new NotAsItMustBe({ message: "all clients have ended" }))
  )
  yield* Fiber.join(writing)
  yield* Scenes.settle(stage)
  yield* say(
    `${ledger.acknowledged.length} writes were acknowledged; each is read back on every node`
  )
  const verdict = yield* Verification.verify(stage, played)
  yield* say("all nodes have stopped; their files were compared and searched")
  const { again, cutover } = played
  const { slowest } = ledger
  const before = ledger.countBefore(cutover.interval)
  const after = ledger.countAfter(cutover.interval)
  const report: Report.Report = {
    phase: verdict.phase,
    cutoverIndex: verdict.cutoverIndex,
    acknowledged: ledger.acknowledged.length,
    acknowledgedBeforeCutover: before,
    acknowledgedAfterCutover: after,
    acknowledgedDuringCutover: ledger.acknowledged.length - before - after,
    refused: ledger.clientErrors - ledger.unanswered,
    unanswered: ledger.unanswered,
    lost: verdict.lost,
    wrong: verdict.wrong,
    barrierClosedMillis: cutover.barrierClosedMillis,
    ...played.disks.findings(),
    wasAlreadyActiveOnRetry:
      again.wasAlreadyActive &&
      again.cutoverIndex === cutover.cutoverIndex &&
      verdict.cutoverIndex === cutover.cutoverIndex,
    nodes: verdict.nodes,
    leaderChanges: verdict.leaderChanges,
    clientErrors: ledger.clientErrors,
    pauseMillisMax: slowest.answeredAt - slowest.sentAt,
    pauseBeganAtMillis: slowest.sentAt - startedAt,
    dryRunAccepted: played.isRehearsed,
    wrongKekRefused: played.isWrongKekRefused,
    learnerCaughtUp: played.hasCaughtUp,
    twice: verdict.twice,
    statesEqual: verdict.statesEqual,
    elapsedMillis: performance.now() - startedAt
  }
  return { report, errors: ledger.errors }
}).pipe(
  Effect.scoped,
  Effect.timeoutOrElse({
    duration: demoMillisMax,
    orElse: () => new NotAsItMustBe({ message: `not finished after ${demoMillisMax} ms` })
  })
)

const program = Effect.gen(function* () {
  const { errors, report } = yield* demonstration
  yield* Effect.sync(() => (isJson ? process.stderr : process.stdout).write(Report.text(report)))
  for (const [error, count] of errors) yield* say(`clients got ${error} ${count} times`)
  if (isJson) process.stdout.write(`${Report.json(report)}\n`)
  const missing = Report.shortcomings(report)
  if (missing.length > 0) return yield* new NotAsItMustBe({ message: missing.join("; ") })
}).pipe(Effect.tapError(({ message }) => Effect.sync(() => console.error(`demo: ${message}`))))

NodeRuntime.runMain(program, { disableErrorReporting: true })
