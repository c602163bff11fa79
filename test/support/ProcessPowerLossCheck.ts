/**
 * Checks images for a campaign, one at a time, as its parent asks: a process of its own, because an
 * image may make native code abort.
 *
 * `node ProcessPowerLossCheck.ts <directory that the run has left> <its file of marks>`
 */
import { readFileSync } from "node:fs"
import * as Effect from "effect/Effect"
import * as ImageCheck from "../../scripts/power-loss/ImageCheck.ts"
import * as Mark from "../../scripts/power-loss/Mark.ts"
import * as RunHistory from "../../scripts/power-loss/RunHistory.ts"

const [runDirectory, marksFile] = process.argv.slice(2)
const marks = readFileSync(marksFile!, "utf8").trimEnd().split("\n").map(Mark.decode)
const history = await Effect.runPromise(RunHistory.read(runDirectory!))
history.confirm(marks)

/** The directory of an image, and how many lines of marks were written before the power was lost. */
export interface Request {
  readonly directory: string
  readonly markCount: number
}

process.on("message", ({ directory, markCount }: Request) => {
  const question = { directory, marks: marks.slice(0, markCount) }
  Effect.runPromise(ImageCheck.check(question, history)).then((verdict) => process.send!(verdict))
})
process.send!("ready")
