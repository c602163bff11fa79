/**
 * `npm run -s nemesis -- [--cutover] --episodes N [--seed S]`: clusters of real processes with everything
 * that can go wrong, clients, and a checker of what they saw (`nemesis/Episode.ts`). Episodes have seeds
 * S … S+N−1.
 *
 * With `--cutover` the cutover is in the middle of each, and the fault is at one of its steps
 * (`nemesis/CutoverEpisode.ts`).
 *
 * Progress goes to stderr, the report to stdout; its last line is `episodes N, operations N, violations N,
 * undecided N`, with `--cutover` followed by `, client errors N`. Exit code 0 only if there are none of
 * these, and writes flowed again in time after the leader was killed (`Report.tooSlow`). Proof:
 * `test/e2e/Nemesis.test.ts`, `NemesisCutover.test.ts`, `NemesisCutoverFindings.test.ts`.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as CutoverEpisode from "./nemesis/CutoverEpisode.ts"
import * as CutoverPlan from "./nemesis/CutoverPlan.ts"
import * as Episode from "./nemesis/Episode.ts"
import * as Plan from "./nemesis/Plan.ts"
import { cutoverLies, lies, type PlantedCutoverLie, type PlantedLie } from "./nemesis/Planted.ts"
import * as Report from "./nemesis/Report.ts"

class NemesisEnded extends Data.TaggedError("NemesisEnded")<{ readonly message: string }> {}

const say = (line: string) => Effect.sync(() => console.error(line))

interface Asked {
  readonly episodes: number
  readonly seed: number
  readonly nodes: 3 | 5 | undefined
  readonly planted: Planted | undefined
  readonly keep: boolean
}

type Planted = PlantedLie | PlantedCutoverLie

const isOfCutover = (planted: Planted | undefined): planted is PlantedCutoverLie =>
  cutoverLies.some((lie) => lie === planted)

const lineOfEpisode = (line: string) => console.error(`  ${line}`)

const seedsOf = ({ episodes, seed }: Asked) =>
  Array.from({ length: episodes }, (_, at) => seed + at)

const ordinary = (asked: Asked) =>
  Effect.gen(function* () {
    const planted = isOfCutover(asked.planted) ? undefined : asked.planted
    const outcomes = yield* Effect.forEach(seedsOf(asked), (seed) =>
      Effect.gen(function* () {
        const plan = Plan.make(seed, asked.nodes)
        yield* say(Plan.describe(plan))
        const options = { plan, say: lineOfEpisode, planted, isKept: asked.keep }
        return yield* Effect.tap(Episode.run(options), (outcome) => say(Report.episode(outcome)))
      })
    )
    return { text: Report.text(outcomes), isGood: Report.isGood(outcomes) }
  })

const withCutover = (asked: Asked) =>
  Effect.gen(function* () {
    const planted = isOfCutover(asked.planted) ? asked.planted : undefined
    const outcomes = yield* Effect.forEach(seedsOf(asked), (seed) =>
      Effect.gen(function* () {
        const plan = CutoverPlan.make(seed, asked.nodes)
        yield* say(CutoverPlan.describe(plan))
        const options = { plan, say: lineOfEpisode, planted, isKept: asked.keep }
        return yield* Effect.tap(CutoverEpisode.run(options), (outcome) =>
          say(Report.cutoverEpisode(outcome))
        )
      })
    )
    const isInTime = Report.tooSlow(outcomes).length === 0
    return {
      text: Report.cutoverText(outcomes),
      isGood: Report.isGoodCutover(outcomes) && isInTime
    }
  })

const command = Command.make(
  "nemesis",
  {
    cutover: Flag.Boolean("cutover").pipe(
      Flag.withDefault(false),
      Flag.withDescription("The cutover in the middle, with a fault at one of its steps")
    ),
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
    planted: Flag.Literals("planted", [...lies, ...cutoverLies]).pipe(
      Flag.optional,
      Flag.withDescription("The nemesis lies to itself, which must be found")
    ),
    keep: Flag.Boolean("keep").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Keeps every episode's directory")
    )
  },
  ({ cutover, nodes, planted, ...rest }) =>
    Effect.gen(function* () {
      const lie = Option.getOrUndefined(planted)
      const nodeCount = Option.getOrUndefined(nodes)
      const asked = {
        ...rest,
        nodes: nodeCount && (nodeCount === "3" ? 3 : 5),
        planted: lie
      } as const
      if (rest.episodes < 1) {
        return yield* new NemesisEnded({ message: "--episodes must be at least 1" })
      }
      if (lie !== undefined && isOfCutover(lie) !== cutover) {
        return yield* new NemesisEnded({
          message: `--planted ${lie} goes ${cutover ? "without" : "with"} --cutover`
        })
      }
      const { isGood, text } = yield* cutover ? withCutover(asked) : ordinary(asked)
      yield* Effect.sync(() => console.log(text))
      if (!isGood) return yield* new NemesisEnded({ message: "not as it must be" })
    })
)

Command.run(command, { version: "0.1.0" }).pipe(
  Effect.tapError((error) => say(`nemesis: ${error.message}`)),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({
    disableErrorReporting: true
  })
)
