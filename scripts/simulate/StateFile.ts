/**
 * What a campaign has done, in a file, so that one that was stopped goes on.
 *
 * What must never happen: seeds of another campaign counted as its own; a file cut off by a stop in the
 * middle of its writing. Proof: `test/simulation/SimulateCommand.test.ts`.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Totals } from "./Totals.ts"

/** Which campaign it is: two that differ have nothing in common. */
export interface Campaign {
  readonly seed: number
  readonly nodes: number
  readonly bug: string | undefined
}

export interface Progress {
  /** Of the seeds from the first one on. */
  readonly totals: Totals
  /** What was printed of seeds that failed. */
  readonly failures: ReadonlyArray<string>
}

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

const Written = Schema.fromJsonString(
  Schema.Struct({
    seed: Count,
    nodes: Count,
    bug: Schema.optionalKey(Schema.String),
    /** Seeds below this one are done. */
    next: Count,
    violations: Count,
    mismatches: Count,
    reached: Schema.Record(Schema.String, Count),
    failures: Schema.optionalKey(Schema.Array(Schema.String))
  })
)

/** Nothing if the file is not there yet. Throws if it is of another campaign, or of none. */
export function read(path: string, { bug, nodes, seed }: Campaign): Progress | undefined {
  if (!existsSync(path)) return undefined
  const written = Option.getOrUndefined(
    Schema.decodeUnknownOption(Written)(readFileSync(path, "utf8"))
  )
  if (written === undefined || written.next < written.seed) {
    throw new Error(`${path} is not what a campaign has written: take another file`)
  }
  if (written.seed !== seed || written.nodes !== nodes || written.bug !== bug) {
    const of = `--seed ${written.seed} --nodes ${written.nodes}`
    const planted = written.bug === undefined ? "" : ` --bug ${written.bug}`
    throw new Error(`${path} is of another campaign, ${of}${planted}: take another file`)
  }
  const { failures = [], mismatches, next, reached, violations } = written
  return { totals: { seeds: next - seed, violations, mismatches, reached }, failures }
}

export function write(path: string, campaign: Campaign, { failures, totals }: Progress): void {
  const { bug, nodes, seed } = campaign
  const { seeds, ...counts } = totals
  const written = { seed, nodes, bug, next: seed + seeds, ...counts, failures }
  const beside = `${path}.new`
  writeFileSync(beside, `${JSON.stringify(written)}\n`)
  renameSync(beside, path)
}
