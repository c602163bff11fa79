/**
 * What must be so at the end of an episode with a cutover, beside what clients saw (SPEC §11, §19: I7, I12).
 *
 * Knows no processes. What must never happen: a node that is not looked at. Proof:
 * `test/e2e/NemesisCutoverFindings.test.ts`.
 */
import type { Search } from "./Canaries.ts"
import type { Call } from "./History.ts"
import { type FailedAttempt, inFlight } from "./Recorder.ts"

/** What a node says of itself in the end, and what it answers to the same order once more. */
export interface View {
  readonly nodeName: string
  readonly phase: number
  readonly cutoverIndex: number
  readonly isBarrierClosed: boolean
  readonly isWrapFlagSet: boolean
  readonly answeredIndex: number
}

/** One sentence for each thing that is wrong. `cutoverIndex`: as the operator was told. */
export function findings(found: {
  readonly cutoverIndex: number
  readonly views: ReadonlyArray<View>
  readonly searches: ReadonlyArray<Search>
}): ReadonlyArray<string> {
  const { cutoverIndex, searches, views } = found
  return [...views.flatMap((view) => ofView(view, cutoverIndex)), ...searches.flatMap(ofSearch)]
}

function ofView(view: View, cutoverIndex: number): ReadonlyArray<string> {
  const { nodeName } = view
  return [
    ...(view.phase === 2 ? [] : [`${nodeName} is in phase ${view.phase} after the cutover`]),
    ...(view.cutoverIndex === cutoverIndex
      ? []
      : [`${nodeName} has cutover index ${view.cutoverIndex}, and ${cutoverIndex} was answered`]),
    ...(view.answeredIndex === cutoverIndex
      ? []
      : [
          `${nodeName} answered ${view.answeredIndex} when asked again, and before ${cutoverIndex}`
        ]),
    ...(view.isBarrierClosed ? [`the barrier of ${nodeName} is closed`] : []),
    ...(view.isWrapFlagSet ? [] : [`the wrap flag of ${nodeName} is not set`])
  ]
}

function ofSearch(search: Search): ReadonlyArray<string> {
  const { nodeName, plainValue, sealedKey, sealedValue } = search
  return [
    ...(plainValue.inState
      ? []
      : [`a value of phase 0 is not found in the state of ${nodeName}: the search has no teeth`]),
    ...(sealedKey.inState
      ? []
      : [`a key is not found in the state of ${nodeName}: the search has no teeth`]),
    ...(sealedValue.inState
      ? [`a value written after the cutover is in clear in the state of ${nodeName}`]
      : []),
    ...(sealedValue.inLog
      ? [`a value written after the cutover is in clear in the log of ${nodeName}`]
      : []),
    ...(sealedKey.inLog
      ? [`a key written after the cutover is in clear in the log of ${nodeName}`]
      : []),
    ...(search.isTold ? [`${nodeName} has told a key or a value in its messages`] : [])
  ]
}

/**
 * What a client may be told that asks one node once: that its node is gone or does not answer in time,
 * that the leader is gone with the request, or that another leader's entry took the place of a write.
 *
 * Nothing else: a node waits longer than any client here for what passes, as an election or a cutover does.
 */
const rightlyTold: ReadonlySet<string> = new Set([
  ...["ConnectionLost", "EndpointUnreachable", "LeaderLost", "ProposalSuperseded"]
])

/** What clients were told that they must not be, and writes of sessions that failed all the same. */
export function clientErrors(
  calls: ReadonlyArray<Call>,
  failedAttempts: ReadonlyArray<FailedAttempt>
): ReadonlyArray<string> {
  const wronglyTold = ({ reason }: { readonly reason: string }) =>
    !rightlyTold.has(reason.split(":", 1)[0]!)
  const ofCalls = calls.flatMap(({ client, end, isInSession }) =>
    end._tag !== "Answered" && end.reason !== inFlight && (isInSession || wronglyTold(end))
      ? [`${client}: ${end.reason}`]
      : []
  )
  const ofAttempts = failedAttempts
    .filter(wronglyTold)
    .map(({ client, reason }) => `an attempt of ${client}: ${reason}`)
  return [...ofCalls, ...ofAttempts]
}
