/**
 * `npm run bench`: durable puts in process, plain against sealed in alternating rounds of one run.
 *
 * What counts are the ratios of one run: the machine is the same for both then. Every put is answered
 * after its entry is synced and applied; nothing is switched off. With `--json` the report is one line.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as ScriptOptions from "../scripts/ScriptOptions.ts"
import * as Node from "./Node.ts"
import * as Report from "./Report.ts"
import * as Round from "./Round.ts"
import * as Seals from "./Seals.ts"

const { values: flags } = ScriptOptions.parse({
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "2" },
    callers: { type: "string", default: "1,64,256" }
  }
})
const roundCount = Number(flags.rounds)
const millis = Number(flags.seconds) * 1000
const callerCounts = flags.callers.split(",").map(Number)
const load = { millis, valueBytes: 1024, keyCount: 10_000 }

const say = (text: string) =>
  Effect.sync(() => (flags.json ? process.stderr : process.stdout).write(`${text}\n`))

const measure = Effect.fnUntraced(function* (
  nodes: Readonly<Record<Node.Mode, Node.Measured>>,
  callers: number
) {
  const results: Record<Node.Mode, Array<Round.RoundResult>> = { plain: [], sealed: [] }
  for (const mode of ["plain", "sealed"] as const) {
    yield* Round.run(nodes[mode], { ...load, callers, millis: millis / 2 })
  }
  for (let round = 0; round < roundCount; round++) {
    const order = round % 2 === 0 ? (["plain", "sealed"] as const) : (["sealed", "plain"] as const)
    for (const mode of order) {
      results[mode].push(yield* Round.run(nodes[mode], { ...load, callers }))
    }
  }
  const level = Report.level(callers, results)
  yield* say(Report.lineOf(level))
  return level
})

const bench = Effect.gen(function* () {
  const nodes = { plain: yield* Node.open("plain"), sealed: yield* Node.open("sealed") }
  const levels: Array<Report.Level> = []
  for (const callers of callerCounts) levels.push(yield* measure(nodes, callers))
  const seals = Seals.measure({ rounds: roundCount, valueBytes: load.valueBytes })
  yield* say(Report.sealsLineOf(seals))
  if (flags.json)
    process.stdout.write(`${JSON.stringify({ ...load, roundCount, levels, seals })}\n`)
}).pipe(Effect.scoped, Effect.provide(Logger.layer([])))

NodeRuntime.runMain(bench)
