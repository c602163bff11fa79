/** Bugs that only a test assembly can have, each of which the simulator must notice. */
import * as Planted from "./Planted.ts"

export const all: Readonly<Record<string, Planted.Planted>> = {}

/** No bug, if none is named. */
export function named(bug: string | undefined): Planted.Planted {
  if (bug === undefined) return Planted.none
  const planted = all[bug]
  if (planted === undefined) throw new Error(`${bug} is no planted bug`)
  return planted
}
