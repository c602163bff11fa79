/**
 * `npm run -s kill-rounds -- --rounds 50 --seed 1`: kills a node again and again while it is written
 * to, in every phase and between them, and reads everything back (`kill-rounds/KillRounds.ts`).
 *
 * Progress goes to stderr, the report to stdout; its last line is `rounds …, acknowledged …, lost …,
 * wrong …`. Exit code 0 only if nothing is lost or wrong and every round has acknowledged enough.
 * Nothing is left behind: no process and no directory.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as ScriptCommand from "./cluster/ScriptCommand.ts"
import * as KillRounds from "./kill-rounds/KillRounds.ts"
import * as Report from "./kill-rounds/Report.ts"

const command = Command.make(
  "kill-rounds",
  {
    rounds: Flag.Int("rounds").pipe(Flag.withDefault(50), Flag.withDescription("How many kills")),
    seed: Flag.String("seed").pipe(
      Flag.withDefault("1"),
      Flag.withDescription("Decides what is written and when the node is killed")
    )
  },
  ({ rounds, seed }) =>
    Effect.gen(function* () {
      if (rounds < 1) {
        return yield* new KillRounds.RoundsEnded({ message: "--rounds must be at least 1" })
      }
      const report = yield* KillRounds.run({ rounds, seed, say: ScriptCommand.say })
      const missing = Report.shortcomings(report)
      for (const shortcoming of missing) yield* ScriptCommand.say(`kill-rounds: ${shortcoming}`)
      yield* Effect.sync(() => console.log(Report.text(report)))
      if (missing.length > 0) {
        return yield* new KillRounds.RoundsEnded({
          message: `not as it must be; again: npm run -s kill-rounds -- --rounds ${rounds} --seed ${seed}`
        })
      }
    })
)

ScriptCommand.runMain(command)
