/**
 * `npm start`: a cluster of three nodes on this machine, to try things with.
 *
 * Three `sealog serve` processes on loopback with their data under ./data. Ctrl-C or SIGTERM stops them
 * in good order and waits; a node that is killed is started again; one that refuses to start or halts is
 * reported and left alone. `-- --reset` begins anew. Proof: `test/e2e/Start.test.ts`.
 */
import { existsSync } from "node:fs"
import { mkdir, rm } from "node:fs/promises"
import { dirname, relative } from "node:path"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as NodeProcess from "./demo/NodeProcess.ts"
import * as Options from "./start/Options.ts"
import * as Plan from "./start/Plan.ts"
import * as ReadableLine from "./start/ReadableLine.ts"
import * as Supervisor from "./start/Supervisor.ts"

const width = 8
const say = (text: string, who = "cluster") => {
  process.stdout.write(`${who.padEnd(width)}| ${text}\n`)
}

/** Only what the nodes have made; anything else in the directory stays. */
const reset = Effect.fnUntraced(function* ({ kekFile, nodes }: Plan.Plan) {
  const made = [...nodes.map(({ directory }) => directory), kekFile]
  const there = made.filter((path) => existsSync(path))
  for (const path of there) {
    yield* Effect.promise(() => rm(path, { recursive: true, force: true }))
    say(`removed ${relative(process.cwd(), path)}`)
  }
  if (there.length === 0) say("there was nothing to remove")
})

const generateKek = Effect.fnUntraced(function* ({ kekFile }: Plan.Plan) {
  if (existsSync(kekFile)) return
  yield* Effect.promise(() => mkdir(dirname(kekFile), { recursive: true }))
  const { code, stderr } = yield* NodeProcess.run("kek", "generate", "--out", kekFile)
  if (code !== 0) return yield* new Options.OptionsRefused({ message: stderr.trim() })
  say(`made a key-encryption key, ${relative(process.cwd(), kekFile)}`)
})

const announce = ({ nodes }: Plan.Plan) => {
  const endpoints = nodes.map(({ clients }) => clients).join(",")
  say("all three nodes serve:")
  for (const { clients, metrics, name, peers } of nodes) {
    say(`  ${name}  clients ${clients}  peers ${peers}  http://${metrics}/metrics`)
  }
  say(`try: npm run -s sealog -- status --endpoint ${endpoints}`)
  say("Ctrl-C stops them; `npm start -- --reset` begins anew")
}

const run = Effect.fnUntraced(function* (options: Options.Options) {
  const plan = Plan.planOf(options)
  if (options.reset) yield* reset(plan)
  yield* generateKek(plan)
  const serving = new Set<string>()
  let isAnnounced = false
  const ready = (node: Plan.PlannedNode) => {
    say(`serves clients at ${node.clients}`, node.name)
    serving.add(node.name)
    if (isAnnounced || serving.size < plan.nodes.length) return
    isAnnounced = true
    announce(plan)
  }
  yield* Effect.forEach(
    plan.nodes,
    (node) =>
      Supervisor.supervise(plan, node, {
        log: (line) => say(ReadableLine.readable(line), node.name),
        note: (text) => say(text),
        ready: () => ready(node)
      }),
    { concurrency: "unbounded", discard: true }
  ).pipe(
    Effect.onInterrupt(() => Effect.sync(() => say("all nodes have stopped"))),
    Effect.tap(() => Effect.sync(() => say("no node is left")))
  )
  return yield* new Options.OptionsRefused({ message: "every node has refused to start or halted" })
})

const options = Options.parse(process.argv.slice(2))

const program = options instanceof Options.OptionsRefused ? Effect.fail(options) : run(options)

program.pipe(
  Effect.tapCause((cause) =>
    Effect.sync(() => {
      if (Cause.hasInterruptsOnly(cause)) return
      const error = Cause.squash(cause)
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    })
  ),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    teardown: (exit, onExit) =>
      onExit(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? 0 : 1)
  })
)
