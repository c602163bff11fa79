/**
 * The nodes of an episode when they have stopped: how they ended, and whether all hold the same state to
 * the last byte (SPEC §19: I2).
 *
 * They are brought to one applied index first, and the leader is stopped last, with nobody to hand over
 * to: so none applies anything more. What must never happen: states of different indexes that are told
 * to differ. Proof: `test/e2e/NemesisStopped.test.ts`.
 */
import * as Effect from "effect/Effect"
import { answered } from "../cluster/Asking.ts"
import * as StoppedDisk from "../demo/StoppedDisk.ts"
import * as Healing from "./Healing.ts"
import type { Nodes } from "./Nodes.ts"
import type { Operator } from "./Operator.ts"

/** How a node ended that was asked to. */
export interface End {
  readonly nodeName: string
  readonly code: number | null
}

/** Every row of it, as a digest. */
export interface State {
  readonly nodeName: string
  readonly appliedIndex: number
  readonly rowCount: number
  readonly digest: string
}

export interface Stopped {
  readonly ends: ReadonlyArray<End>
  readonly states: ReadonlyArray<State>
}

/** Stops all nodes, of which none has anything to do any more, and reads what they hold. */
export const stop = Effect.fnUntraced(function* (nodes: Nodes, operator: Operator) {
  const leader = yield* settled(nodes, operator).pipe(
    Healing.within("the members are not at one applied index")
  )
  const names = nodes.names()
  const others = names.filter((name) => name !== leader)
  const ends = [
    ...(yield* Effect.forEach(others, nodes.stop, { concurrency: "unbounded" })),
    yield* nodes.stop(leader)
  ]
  const states = yield* Effect.forEach(names, (nodeName) =>
    Effect.map(StoppedDisk.readState(nodes.directoryOf(nodeName)), (state) => ({
      nodeName,
      ...state
    }))
  )
  const stopped: Stopped = { ends, states }
  return stopped
})

/** Returns the leader, once all have applied everything that it has. */
const settled = (nodes: Nodes, operator: Operator) =>
  answered(
    Effect.map(operator.statuses, (statuses) => {
      const [leader, ...others] = statuses.filter(({ role }) => role === "Leader")
      const isSettled =
        leader !== undefined &&
        others.length === 0 &&
        statuses.length === nodes.names().length &&
        statuses.every(({ appliedIndex }) => appliedIndex === leader.lastIndex)
      return isSettled ? leader.nodeName : undefined
    })
  )

/** One sentence for each thing that is wrong. */
export const findings = ({ ends, states }: Stopped): ReadonlyArray<string> => [
  ...ends.flatMap(({ code, nodeName }) =>
    code === 0 ? [] : [`${nodeName} was asked to end and did so with code ${code}`]
  ),
  ...states.flatMap((state, at) => {
    const first = states.find(({ appliedIndex }) => appliedIndex === state.appliedIndex)!
    if (states.indexOf(first) === at || first.digest === state.digest) return []
    return [
      `${state.nodeName} and ${first.nodeName} hold different states at applied index ${state.appliedIndex} (${state.rowCount} and ${first.rowCount} rows)`
    ]
  })
]

/** Why nothing is said of states, if not all are of one index. */
export const undecided = ({ states }: Stopped): ReadonlyArray<string> => {
  const indexes = new Set(states.map(({ appliedIndex }) => appliedIndex))
  return indexes.size === 1
    ? []
    : [`the nodes ended at the applied indexes ${[...indexes].join(", ")}`]
}
