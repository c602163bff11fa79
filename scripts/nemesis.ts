/**
 * `npm run -s nemesis -- --episodes N [--seed S]`: clusters of real processes with everything that can go
 * wrong, clients, and a checker of what they saw (`nemesis/Episode.ts`). Episodes have seeds S … S+N−1.
 *
 * Progress goes to stderr, the report to stdout; its last line is `episodes N, operations N, violations N,
 * undecided N`. Exit code 0 only if there are none of both. Proof: `test/e2e/Nemesis.test.ts`.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Episode from "./nemesis/Episode.ts"
import * as Plan from "./nemesis/Plan.ts"
import { lies } from "./nemesis/Planted.ts"
import * as Report from "./nemesis/Report.ts"

class NemesisEnded extends Data.TaggedError("NemesisEnded")<{ readonly message: string }> {}

const say = (line: string) => Effect.sync(() => console.error(line))

const command = Command.make(
  "nemesis",
  {
    episodes: Flag.Int("episodes").pipe(
      Flag.withDefault(10),
      Flag.withDescription("How many, one after the other")
    ),
    seed: Flag.Int("seed").pipe(
      Flag.withDefault(1),
      Flag.withDescription("Of the first episode; what is drawn from it is the plan")
    ),
    nodes: Flag.Literals("nodes", ["3", "5"]).pipe(
      Flag.optional,
      Flag.withDescription("Else the seed decides")
    ),
    planted: Flag.Literals("planted", [...lies]).pipe(
      Flag.optional,
      Flag.withDescription("The recorder lies, which must be found")
    ),
    keep: Flag.Boolean("keep").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Keeps every episode's directory")
    )
  },
  ({ episodes, keep, nodes, planted, seed }) =>
    Effect.gen(function* () {
      if (episodes < 1) return yield* new NemesisEnded({ message: "--episodes must be at least 1" })
      const outcomes: Array<Episode.Outcome> = []
      const nodeCount = Option.getOrUndefined(nodes)
      for (let at = 0; at < episodes; at++) {
        const plan = Plan.make(seed + at, nodeCount && nodeCount === "3" ? 3 : nodeCount && 5)
        yield* say(Plan.describe(plan))
        const outcome = yield* Episode.run({
          plan,
          say: (line) => console.error(`  ${line}`),
          planted: Option.getOrUndefined(planted),
          isKept: keep
        })
        outcomes.push(outcome)
        yield* say(Report.episode(outcome))
      }
      yield* Effect.sync(() => console.log(Report.text(outcomes)))
      if (!Report.isGood(outcomes)) {
        return yield* new NemesisEnded({ message: "not as it must be" })
      }
    })
)

Command.run(command, { version: "0.1.0" }).pipe(
  Effect.tapError((error) => say(`nemesis: ${error.message}`)),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({
    disableErrorReporting: true
  })
)
