/**
 * `npm run demo`: a running node switches its log from plaintext to ciphertext while 32 clients write;
 * then it is killed, restarted, and everything that was acknowledged is read back.
 *
 * Everything reported is observed from outside: a real process, real sockets, the raw files on disk.
 * With `--json` the report is one line on stdout and the progress goes to stderr. Exit code 0 only if
 * all is as it must be. Nothing is left behind: no process and no directory.
 */

import { randomBytes } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { performance } from "node:perf_hooks"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as RpcClientSocket from "../src/layers/RpcClientSocket.ts"
import * as DiskScan from "./demo/DiskScan.ts"
import * as NodeProcess from "./demo/NodeProcess.ts"
import * as Report from "./demo/Report.ts"
import * as Writers from "./demo/Writers.ts"

const clientCount = 32
/** Each part of the demonstration lasts at least this many writes; the sum is above the minimum. */
const writesPerPart = 800
const demoMillisMax = 110_000

const isJson = process.argv.includes("--json")

/** The demonstration did not show what it is to show. */
class NotAsItMustBe extends Data.TaggedError("NotAsItMustBe")<{ readonly message: string }> {}

const startedAt = performance.now()
const say = (text: string) =>
  Effect.sync(() => {
    const stream = isJson ? process.stderr : process.stdout
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(2).padStart(6)
    stream.write(`${seconds} s  ${text}\n`)
  })

const secret = (name: string) => `${name}-${randomBytes(24).toString("hex")}`

/** Removed when the scope closes. */
const temporaryDirectory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "sealog-demo-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/** A write whose bytes are looked for on disk. */
const marked = (name: string) => ({ key: secret(`${name}-key`), value: secret(`${name}-value`) })

/** From phase 0 to phase 2 under load, until the node is killed in the middle of it. */
const cutOverUnderLoad = Effect.fnUntraced(function* (
  node: Effect.Success<ReturnType<typeof NodeProcess.serve>>,
  ledger: Writers.Ledger
) {
  const operator = yield* RpcClientSocket.connect(node.endpoint)
  const control = marked("control")
  yield* operator.put(control.key, control.value)
  yield* say(`phase 0: a control value is in the log; ${clientCount} clients begin to write`)
  const writing = yield* Effect.forkChild(Writers.run(node.endpoint, clientCount, ledger))
  const enough = (count: () => number) =>
    Effect.raceFirst(
      ledger.until(() => count() >= writesPerPart),
      Effect.andThen(Fiber.join(writing), new NotAsItMustBe({ message: "the writers have ended" }))
    )

  const countFrom = (start: number) => () => ledger.acknowledged.length - start
  yield* enough(countFrom(0))
  const storage = yield* operator.enableStorageEnvelope
  yield* say(`phase 1: storage envelope enabled at index ${storage.index}; the writes go on`)
  yield* enough(countFrom(ledger.acknowledged.length))

  const askedAt = performance.now()
  const cutover = yield* operator.enableRaftEnvelope
  const interval = { askedAt, answeredAt: performance.now() }
  yield* say(
    `phase 2: cut over at index ${cutover.cutoverIndex}, barrier closed for ${cutover.barrierClosedMillis.toFixed(1)} ms; the writes go on`
  )
  const canary = marked("canary")
  yield* operator.put(canary.key, canary.value)
  const again = yield* operator.enableRaftEnvelope
  const wasAlreadyActiveOnRetry =
    again.wasAlreadyActive && again.cutoverIndex === cutover.cutoverIndex
  yield* enough(() => ledger.countAfter(interval))

  node.kill("SIGKILL")
  yield* node.end
  yield* Fiber.join(writing)
  yield* say(`killed with SIGKILL in mid-write, ${ledger.acknowledged.length} writes acknowledged`)
  return { control, canary, cutover, interval, wasAlreadyActiveOnRetry }
}, Effect.scoped)

/** What is on disk in clear: read as raw bytes, of a stopped node. */
const scanDisk = (
  directory: string,
  { canary, control }: Record<"canary" | "control", ReturnType<typeof marked>>
) =>
  Effect.map(
    Effect.promise(() =>
      DiskScan.scan(directory, [control.key, control.value, canary.key, canary.value])
    ),
    ([controlKey, controlValue, canaryKey, canaryValue]) => ({
      controlFound: controlKey!.inLog && controlValue!.inLog,
      canaryInLog: canaryKey!.inLog || canaryValue!.inLog,
      canaryInState: canaryValue!.inState
    })
  )

/** Restarts on the same directory, reads everything back, stops in good order. */
const restartAndVerify = Effect.fnUntraced(function* (
  options: NodeProcess.ServeOptions,
  ledger: Writers.Ledger
) {
  const node = yield* NodeProcess.serve(options)
  yield* say("restarted on the same directory; every acknowledged write is read back")
  const verdict = yield* Writers.verify(node.endpoint, ledger.acknowledged)
  const operator = yield* RpcClientSocket.connect(node.endpoint)
  const { cutoverIndex, phase } = yield* operator.encryptionStatus
  node.kill("SIGTERM")
  const { code } = yield* node.end
  if (code !== 0) return yield* node.failure(`ended with exit code ${code} on SIGTERM`)
  return { ...verdict, cutoverIndex, phase }
}, Effect.scoped)

const demonstration = Effect.gen(function* () {
  const directory = yield* temporaryDirectory
  const kekFile = join(directory, "kek")
  const options = { directory: join(directory, "data"), nodeName: "demo", kekFile }
  const generated = yield* NodeProcess.run("kek", "generate", "--out", kekFile)
  if (generated.code !== 0) return yield* new NotAsItMustBe({ message: generated.stderr })

  const ledger = new Writers.Ledger()
  const run = yield* Effect.scoped(
    Effect.flatMap(NodeProcess.serve(options), (node) => cutOverUnderLoad(node, ledger))
  )
  const killed = yield* scanDisk(options.directory, run)
  const restarted = yield* restartAndVerify(options, ledger)
  // Once more: the restart has replayed the log into the state, and the stop has flushed it.
  const stopped = yield* scanDisk(options.directory, run)

  const acknowledged = ledger.acknowledged.length
  const before = ledger.countBefore(run.interval)
  const after = ledger.countAfter(run.interval)
  const hasMoved = restarted.cutoverIndex !== run.cutover.cutoverIndex
  const report: Report.Report = {
    phase: restarted.phase,
    cutoverIndex: restarted.cutoverIndex,
    acknowledged,
    acknowledgedBeforeCutover: before,
    acknowledgedAfterCutover: after,
    acknowledgedDuringCutover: acknowledged - before - after,
    refused: ledger.refused,
    unanswered: ledger.unanswered,
    lost: restarted.lost,
    wrong: restarted.wrong,
    barrierClosedMillis: run.cutover.barrierClosedMillis,
    longestWriteMillis: ledger.longestMillis,
    controlFound: killed.controlFound && stopped.controlFound,
    canaryInLog: killed.canaryInLog || stopped.canaryInLog,
    canaryInState: killed.canaryInState || stopped.canaryInState,
    wasAlreadyActiveOnRetry: run.wasAlreadyActiveOnRetry && !hasMoved,
    elapsedMillis: performance.now() - startedAt
  }
  return report
}).pipe(
  Effect.scoped,
  Effect.timeoutOrElse({
    duration: demoMillisMax,
    orElse: () => new NotAsItMustBe({ message: `not finished after ${demoMillisMax} ms` })
  })
)

const program = Effect.gen(function* () {
  const report = yield* demonstration
  yield* Effect.sync(() => (isJson ? process.stderr : process.stdout).write(Report.text(report)))
  if (isJson) process.stdout.write(`${Report.json(report)}\n`)
  const missing = Report.shortcomings(report)
  if (missing.length > 0) return yield* new NotAsItMustBe({ message: missing.join("; ") })
}).pipe(Effect.tapError(({ message }) => Effect.sync(() => console.error(`demo: ${message}`))))

NodeRuntime.runMain(program, { disableErrorReporting: true })
