/** When the power is lost: any moment of a recording, and more often the ones that look dangerous. */
import type { SeededNumbers } from "../../test/support/SeededNumbers.ts"
import { type DiskHistory, filesIn } from "./DiskHistory.ts"
import * as Mark from "./Mark.ts"

export const kinds = [
  "anywhere",
  /** Before anything was acknowledged. */
  "creation",
  /** While a file that will be synced has been written to and has not. */
  "newFile",
  /** While a node is being opened on what another opening has left. */
  "reopening",
  "inSync",
  "afterSync",
  /** Just after somebody was told. */
  "acknowledgement"
] as const

export type Kind = (typeof kinds)[number]

export interface CrashMoment {
  readonly kind: Kind
  readonly moment: number
}

/** Each kind equally often, and within it each moment. */
export function draw(history: DiskHistory, numbers: SeededNumbers): CrashMoment {
  const kind = kinds[numbers.below(kinds.length)]!
  const moments = momentsOf(kind, history)
  return { kind, moment: moments[numbers.below(moments.length)]! }
}

function momentsOf(kind: Kind, history: DiskHistory): ReadonlyArray<number> {
  const { marks, moments, syncs } = history
  const marked = marks.map(({ beganAt, line }) => ({ beganAt, mark: Mark.decode(line) }))
  const acknowledged = marked.filter(({ mark }) => Mark.isAcknowledgement(mark))
  const next = (at: number) => moments.find((moment) => moment > at) ?? moments.at(-1)!
  switch (kind) {
    case "anywhere":
      return moments
    case "creation":
      return moments.filter((moment) => moment < acknowledged[0]!.beganAt)
    case "newFile":
      return filesIn(history.parent).flatMap(({ writes }) => {
        const from = writes[0]?.beganAt ?? Number.POSITIVE_INFINITY
        const until = Math.min(...writes.map(({ durableAt }) => durableAt))
        // SQLite's journal never is; nothing depends on it.
        if (until === Number.POSITIVE_INFINITY) return []
        return moments.filter((moment) => moment > from && moment < until)
      })
    case "reopening": {
      const [, ...openings] = marked.filter(({ mark }) => mark._tag === "Opening")
      const until = (from: number) =>
        marked.find(({ beganAt, mark }) => beganAt > from && mark._tag === "Opened")!.beganAt
      return openings.flatMap(({ beganAt }) =>
        moments.filter((moment) => moment > beganAt && moment < until(beganAt))
      )
    }
    case "inSync":
      return syncs.map(({ beganAt }) => next(beganAt))
    case "afterSync":
      return syncs.map(({ returnedAt }) => next(returnedAt))
    case "acknowledgement":
      return acknowledged.map(({ beganAt }) => next(beganAt))
  }
}
