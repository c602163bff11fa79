/**
 * Kills a real node with SIGKILL again and again while clients write, and reads everything back each
 * time (SPEC §19, I10): nothing acknowledged is lost, and a write without an answer is applied or not.
 *
 * An acknowledged change of phase is held to the same: it is still there, at the same index. At the end
 * of a life the raw files are searched for what was written in phase 2. The kills go where the plan
 * says; which system call they hit is up to the machine, so a seed repeats a run only roughly.
 */
import { join } from "node:path"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as TemporaryDirectory from "../cluster/TemporaryDirectory.ts"
import * as DiskScan from "../demo/DiskScan.ts"
import * as NodeProcess from "../demo/NodeProcess.ts"
import { Ledger } from "./Ledger.ts"
import * as Load from "./Load.ts"
import * as Plan from "./Plan.ts"
import type { Report } from "./Report.ts"

export interface Options {
  readonly rounds: number
  readonly seed: string
  readonly say: (line: string) => Effect.Effect<void>
}

/** The rounds cannot go on: this says nothing about what was acknowledged. */
export class RoundsEnded extends Data.TaggedError("RoundsEnded")<{ readonly message: string }> {}

const clientCount = 8
const roundMillisMax = 60_000

/** Counts over all lives. */
class Tally {
  lost = 0
  wrong = 0
  startsKilled = 0
  readonly acknowledgedInRounds: Array<number> = []
  readonly kills: Record<Plan.Course, number> = {
    "phase 0": 0,
    "enabling storage": 0,
    "phase 1": 0,
    "cutting over": 0,
    "phase 2": 0
  }
  readonly examples: Array<string> = []
  readonly complaints: Array<string> = []
}

/** One data directory, from its creation to phase 2. */
interface Life {
  readonly options: NodeProcess.ServeOptions
  readonly seed: string
  readonly ledger: Ledger
  readonly tally: Tally
  /** Of the changes of phase that were acknowledged, or seen after a restart; they never move. */
  storageIndex: number | undefined
  cutoverIndex: number | undefined
  /** What may be found in the log, and what may not. */
  plainToken: string | undefined
  readonly sealedKeys: Array<string>
  readonly sealedValues: Array<string>
}

type Node = Effect.Success<ReturnType<typeof NodeProcess.serve>>
type Client = RpcClientSocket.Client

const enableStorage = (life: Life, client: Client) =>
  Effect.map(client.enableStorageEnvelope, ({ index }) => {
    life.storageIndex = index
  })

const cutOver = (life: Life, client: Client) =>
  Effect.map(client.enableRaftEnvelope, ({ cutoverIndex }) => {
    life.cutoverIndex = cutoverIndex
  })

/** Everything that was acknowledged before the last kill; answers the phase. */
const judge = Effect.fnUntraced(function* (life: Life, node: Node, client: Client) {
  const { tally } = life
  const { examples, lost, wrong } = yield* Load.readBack(node.endpoint, life.ledger)
  tally.lost += lost
  tally.wrong += wrong
  tally.examples.push(...examples)
  const status = yield* client.encryptionStatus
  const changes = [
    ["storage envelope", life.storageIndex, status.storageEnvelopeIndex],
    ["cutover", life.cutoverIndex, status.cutoverIndex]
  ] as const
  for (const [name, acknowledged, found] of changes) {
    if (acknowledged === undefined || acknowledged === found) continue
    if (found === 0) tally.lost += 1
    else tally.wrong += 1
    tally.examples.push(`the ${name} was at index ${acknowledged}, and is at ${found}`)
  }
  // What was read stays, acknowledged or not.
  if (status.storageEnvelopeIndex !== 0) life.storageIndex = status.storageEnvelopeIndex
  if (status.cutoverIndex !== 0) life.cutoverIndex = status.cutoverIndex
  return status.phase
})

/** What this round kills, given the phase it finds; a steady course brings its phase about first. */
const courseOf = Effect.fnUntraced(function* (
  life: Life,
  client: Client,
  { course, found }: { readonly course: Plan.Course; readonly found: number }
) {
  switch (course) {
    case "phase 0":
      return { course, phase: found }
    case "enabling storage":
      return found === 0 ? { course, phase: 0 } : { course: "phase 1" as const, phase: found }
    case "phase 1":
      yield* enableStorage(life, client)
      return { course, phase: 1 }
    case "cutting over":
      yield* enableStorage(life, client)
      return found === 2 ? { course: "phase 2" as const, phase: 2 } : { course, phase: 1 }
    case "phase 2":
      yield* enableStorage(life, client)
      yield* cutOver(life, client)
      return { course, phase: 2 }
  }
})

/** A start that is killed before, while or after it replays. */
const killStart = Effect.fnUntraced(function* (life: Life, afterMillis: number) {
  const node = yield* NodeProcess.start(NodeProcess.serveArguments(life.options))
  yield* Effect.sleep(afterMillis)
  yield* kill(life, node)
  life.tally.startsKilled += 1
}, Effect.scoped)

const kill = Effect.fnUntraced(function* (
  life: Life,
  node: Pick<NodeProcess.Running, "kill" | "end">
) {
  node.kill("SIGKILL")
  const { code, signal, stderr } = yield* node.end
  if (signal === "SIGKILL") return
  life.tally.complaints.push(`the node ended by itself with ${code ?? signal}: ${stderr.trim()}`)
})

const playRound = Effect.fnUntraced(function* (life: Life, round: Plan.Round) {
  const { ledger, seed, tally } = life
  const { delayMillis, keyToken, startKilledAfterMillis, valueToken } = round
  if (startKilledAfterMillis !== undefined) yield* killStart(life, startKilledAfterMillis)
  const node = yield* NodeProcess.serve(life.options)
  const client = yield* RpcClientSocket.connect(node.endpoint)
  const found = yield* judge(life, node, client)
  const { course, phase } = yield* courseOf(life, client, { course: round.course, found })

  let acknowledged = 0
  let isEnough: () => void = () => {}
  const enough = Effect.callback<void>((resume) => {
    isEnough = () => resume(Effect.void)
  })
  const onAcknowledged = () => {
    acknowledged += 1
    if (acknowledged >= round.acknowledgedMin) isEnough()
  }
  const load = { endpoint: node.endpoint, clientCount, seed, valueToken, keyToken, ledger }
  const writing = yield* Effect.forkChild(Load.run({ ...load, onAcknowledged }))
  const ended = new RoundsEnded({ message: "the clients ended before the kill" })
  yield* Effect.raceFirst(enough, Effect.andThen(Fiber.join(writing), ended))
  if (course === "enabling storage") yield* Effect.forkChild(enableStorage(life, client))
  if (course === "cutting over") yield* Effect.forkChild(cutOver(life, client))
  yield* Effect.sleep(delayMillis)
  yield* kill(life, node)
  yield* Fiber.join(writing)

  tally.kills[course] += 1
  tally.acknowledgedInRounds.push(acknowledged)
  if (phase === 0) life.plainToken ??= valueToken
  if (phase === 2) {
    life.sealedKeys.push(keyToken)
    life.sealedValues.push(valueToken)
  }
  return { course, acknowledged }
}, Effect.scoped)

/** The last restart, read back once more, and a stop in good order. */
const lastWord = Effect.fnUntraced(function* (life: Life) {
  const node = yield* NodeProcess.serve(life.options)
  const client = yield* RpcClientSocket.connect(node.endpoint)
  yield* judge(life, node, client)
  // Once more: a write without an answer stays what it was read as.
  yield* judge(life, node, client)
  node.kill("SIGTERM")
  const { code, signal } = yield* node.end
  if (code !== 0) life.tally.complaints.push(`ended with ${code ?? signal} on SIGTERM`)
}, Effect.scoped)

/** Of a node that does not run: what was written in phase 2 is in clear in no file of the log. */
const searchFiles = Effect.fnUntraced(function* (life: Life) {
  const { plainToken, sealedKeys, sealedValues, tally } = life
  const scan = (needles: ReadonlyArray<string>) =>
    Effect.promise(() => DiskScan.scan(life.options.directory, needles))
  const plain = plainToken === undefined ? [] : yield* scan([plainToken])
  const found = yield* scan([...sealedKeys, ...sealedValues])
  const say = (is: boolean, complaint: string) => {
    if (is) tally.complaints.push(complaint)
  }
  say(
    plain.some(({ inLog }) => !inLog),
    "a value of phase 0 is not found in the log: the search proves nothing"
  )
  say(
    found.some(({ inLog }) => inLog),
    "a key or value of phase 2 is in clear in a file of the log"
  )
  say(
    found.slice(sealedKeys.length).some(({ inState }) => inState),
    "a value of phase 2 is in clear in a file of the state"
  )
})

const playLife = Effect.fnUntraced(function* (rounds: Plan.Life, options: Options, tally: Tally) {
  const directory = yield* TemporaryDirectory.make("kill-rounds")
  const kekFile = join(directory, "kek")
  const generated = yield* NodeProcess.run("kek", "generate", "--out", kekFile)
  if (generated.code !== 0) return yield* new RoundsEnded({ message: generated.stderr })
  const life: Life = {
    options: { directory: join(directory, "data"), nodeName: "killed", kekFile },
    seed: options.seed,
    ledger: new Ledger(),
    tally,
    storageIndex: undefined,
    cutoverIndex: undefined,
    plainToken: undefined,
    sealedKeys: [],
    sealedValues: []
  }
  for (const round of rounds) {
    const { acknowledged, course } = yield* playRound(life, round).pipe(
      Effect.timeoutOrElse({
        duration: roundMillisMax,
        orElse: () => new RoundsEnded({ message: `round ${round.number} does not end` })
      })
    )
    yield* options.say(
      `round ${round.number}: killed in ${course} after ${acknowledged} acknowledged writes`
    )
  }
  yield* searchFiles(life)
  yield* lastWord(life)
  yield* searchFiles(life)
  return life.ledger
}, Effect.scoped)

export const run = Effect.fnUntraced(function* (options: Options) {
  const lives = yield* Plan.make(options)
  const tally = new Tally()
  const ledgers = yield* Effect.forEach(lives, (rounds) => playLife(rounds, options, tally))
  const sum = (count: (ledger: Ledger) => number) =>
    ledgers.reduce((total, ledger) => total + count(ledger), 0)
  const { acknowledgedInRounds, ...counted } = tally
  const report: Report = {
    ...counted,
    rounds: acknowledgedInRounds.length,
    lives: lives.length,
    acknowledged: sum((ledger) => ledger.acknowledged),
    acknowledgedInRoundMin: Math.min(...acknowledgedInRounds),
    open: sum((ledger) => ledger.open),
    openFoundNew: sum((ledger) => ledger.openFoundNew),
    openFoundOld: sum((ledger) => ledger.openFoundOld),
    refused: sum((ledger) => ledger.refused)
  }
  return report
})
