/**
 * `npm run -s power-loss -- --images 500 --seed 1`: nodes lose power, again and again, and what is left
 * on disk must be enough to go on (`power-loss/Campaign.ts`).
 *
 * Findings go to stderr, each with the command that makes its image again; the report goes to stdout. Its
 * last line is `images …, acknowledged lost …, state mismatches …, aborted …`. Exit code 0 only if
 * nothing was found and the images are no clean copies. Needs strace, and the right to trace.
 */
import { tmpdir } from "node:os"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as PowerLossPlantedBug from "../test/support/PowerLossPlantedBug.ts"
import * as ScriptCommand from "./cluster/ScriptCommand.ts"
import * as Campaign from "./power-loss/Campaign.ts"

/** The campaign did not show what it is to show. */
class NotAsItMustBe extends Data.TaggedError("NotAsItMustBe")<{ readonly message: string }> {}

const flags = {
  images: Flag.Int("images").pipe(Flag.withDefault(500), Flag.withDescription("How many images")),
  seed: Flag.Int("seed").pipe(
    Flag.withDefault(1),
    Flag.withDescription("Decides what is written, when the power is lost, and what is left")
  ),
  bug: Flag.Literals("bug", Object.keys(PowerLossPlantedBug.environments)).pipe(
    Flag.withDescription("Plant a bug, which must be found"),
    Flag.optional
  ),
  recording: Flag.String("recording").pipe(
    Flag.withMetavar("FOLDER"),
    Flag.withDescription("Of a failure: take this recording instead of new ones"),
    Flag.optional
  ),
  image: Flag.Int("image").pipe(
    Flag.withDescription("Make only the image of this number"),
    Flag.optional
  )
}

const command = Command.make("power-loss", flags, ({ bug, image, images, recording, seed }) =>
  Effect.gen(function* () {
    const options = { images, seed, say: (line: string) => console.error(line) }
    const report = yield* Option.isSome(recording)
      ? Campaign.again({
          ...options,
          folder: recording.value,
          image: Option.getOrUndefined(image)
        })
      : Campaign.run({
          ...options,
          parent: tmpdir(),
          bug: PowerLossPlantedBug.environments[Option.getOrElse(bug, () => "")]
        })
    console.log(`${Campaign.details(report)}\n${Campaign.summary(report)}`)
    const missing = Campaign.shortcomings(report)
    if (missing.length > 0) return yield* new NotAsItMustBe({ message: missing.join("; ") })
  })
)

ScriptCommand.runMain(command)
