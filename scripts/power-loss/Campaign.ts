/**
 * Many power losses: recordings of a run, and of each so many images that are checked.
 *
 * An image is drawn from its recording and a seed of its own, so it can be drawn again; a recording
 * cannot be repeated exactly (threads), so that of a finding is kept.
 * What must never happen here: a campaign that passes although its images are clean copies.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { seededNumbers } from "../../test/support/SeededNumbers.ts"
import * as Checker from "./Checker.ts"
import * as CrashMoment from "./CrashMoment.ts"
import * as DiskImage from "./DiskImage.ts"
import type { Verdict } from "./ImageCheck.ts"
import * as Recording from "./Recording.ts"

export interface Report {
  images: number
  /** Images with an acknowledged write that is not in the log. */
  acknowledgedLost: number
  /** Images whose state, answers or identity are not what the log says. */
  stateMismatches: number
  /** Images on which a process died or hung, or that a node refused to start on. */
  aborted: number
  /** Images that are not what the running process saw. */
  differing: number
  /** Images whose state was behind the log they came with. */
  replayed: number
  readonly kinds: Record<CrashMoment.Kind, number>
}

export interface Options {
  readonly images: number
  readonly seed: number
  /** An existing directory for the recordings; those with a finding stay. */
  readonly parent: string
  readonly bug?: Recording.PlantedBug | undefined
  /** Ends the campaign early; asked after each image. */
  readonly isEnough?: (report: Report) => boolean
  /** Told of each finding, and of the command that makes its image again. */
  readonly say: (line: string) => void
}

export const imagesPerRecording = 50
const writesPerClient = 8

const emptyReport = (): Report => ({
  images: 0,
  acknowledgedLost: 0,
  stateMismatches: 0,
  aborted: 0,
  differing: 0,
  replayed: 0,
  kinds: Object.fromEntries(CrashMoment.kinds.map((kind) => [kind, 0])) as Report["kinds"]
})

/** The line that a campaign ends with. */
export const summary = (report: Report): string =>
  `images ${report.images}, acknowledged lost ${report.acknowledgedLost}, ` +
  `state mismatches ${report.stateMismatches}, aborted ${report.aborted}`

/** What the images were like. */
export const details = (report: Report): string =>
  [
    `${report.differing} differ from a clean copy`,
    `${report.replayed} had log to replay`,
    ...Object.entries(report.kinds).map(([kind, count]) => `${count} ${kind}`)
  ].join(", ")

/** One sentence for each thing that is not as it must be. */
export const shortcomings = (report: Report): ReadonlyArray<string> => {
  const { aborted, acknowledgedLost, differing, images, stateMismatches } = report
  const expectations: ReadonlyArray<readonly [holds: boolean, otherwise: string]> = [
    [acknowledgedLost === 0, `${acknowledgedLost} images lost what was acknowledged`],
    [stateMismatches === 0, `${stateMismatches} images are of no state that ever was`],
    [aborted === 0, `${aborted} images could not be opened`],
    [differing * 2 > images, `only ${differing} of ${images} images differ from a clean copy`]
  ]
  return expectations.filter(([holds]) => !holds).map(([, otherwise]) => otherwise)
}

/** Folders of recordings without a finding are removed. */
export const run = Effect.fnUntraced(function* (options: Options) {
  const report = emptyReport()
  for (let first = 0; first < options.images; first += imagesPerRecording) {
    const seed = options.seed + first / imagesPerRecording
    const count = Math.min(imagesPerRecording, options.images - first)
    const folder = mkdtempSync(join(options.parent, "sealog-power-loss-"))
    const recording = yield* Recording.record({ folder, seed, writesPerClient, bug: options.bug })
    const found = yield* checkImages(recording, numbersBelow(count), { ...options, seed }, report)
    if (found === 0) rmSync(folder, { recursive: true })
    if (options.isEnough?.(report) === true) break
  }
  return report
})

/** The images of one recording that was kept, or one of them. */
export const again = Effect.fnUntraced(function* (
  options: Pick<Options, "seed" | "say"> & {
    readonly folder: string
    readonly image: number | undefined
  }
) {
  const { folder, image } = options
  const report = emptyReport()
  const numbers = image === undefined ? numbersBelow(imagesPerRecording) : [image]
  yield* checkImages(yield* Recording.open(folder), numbers, options, report)
  return report
})

const numbersBelow = (count: number) => Array.from({ length: count }, (_, number) => number)

/** Adds to the report; answers how many images have a finding. */
const checkImages = (
  recording: Recording.Recording,
  images: ReadonlyArray<number>,
  { isEnough, say, seed }: Pick<Options, "seed" | "say" | "isEnough">,
  report: Report
) =>
  Effect.gen(function* () {
    const checker = yield* Checker.make(recording)
    let found = 0
    for (const image of images) {
      const findings = yield* checkImage({ recording, checker, seed, image }, report)
      if (findings.length > 0) {
        found += 1
        const command = `npm run -s power-loss -- --recording ${recording.folder}`
        say(`${findings.join("; ")}\n  again: ${command} --seed ${seed} --image ${image}`)
      }
      if (isEnough?.(report) === true) break
    }
    return found
  }).pipe(Effect.scoped)

interface Drawing {
  readonly recording: Recording.Recording
  readonly checker: Checker.Checker
  readonly seed: number
  readonly image: number
}

const checkImage = Effect.fnUntraced(function* (drawing: Drawing, report: Report) {
  const { checker, recording, seed } = drawing
  const { disk, folder } = recording
  const numbers = seededNumbers(seed * 1_000_003 + drawing.image)
  const { kind, moment } = CrashMoment.draw(disk, numbers)
  const image = DiskImage.make(disk, moment, numbers)
  const parent = mkdtempSync(join(folder, "image-"))
  DiskImage.writeTo(parent, image)
  const markCount = disk.marks.filter(({ beganAt }) => beganAt < moment).length
  const directory = join(parent, "data")
  const verdict = yield* Effect.result(checker.check({ directory, markCount }))
  rmSync(parent, { recursive: true })
  report.images += 1
  report.kinds[kind] += 1
  const clean = DiskImage.cleanCopy(disk, moment)
  if (DiskImage.differences(image, clean).length > 0) report.differing += 1
  if (verdict._tag === "Success") return count(verdict.success, report)
  report.aborted += 1
  return [`the process that opened it ended: ${verdict.failure.how}`]
})

/** Adds one verdict to the report; answers what is wrong, if anything is. */
function count(verdict: Verdict, report: Report): ReadonlyArray<string> {
  const { acknowledgedLost, appliedIndex, lastIndex, mismatches, refused } = verdict
  const findings = [...new Set(mismatches)]
  if (appliedIndex < lastIndex) report.replayed += 1
  if (mismatches.length > 0) report.stateMismatches += 1
  if (acknowledgedLost > 0) {
    report.acknowledgedLost += 1
    findings.push(`${acknowledgedLost} acknowledged lost, the log ends at ${lastIndex}`)
  }
  if (refused !== undefined) {
    report.aborted += 1
    findings.push(`refused: ${refused}`)
  }
  return findings
}
