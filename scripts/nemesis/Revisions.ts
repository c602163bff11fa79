/**
 * The whole store at a glance: what the revisions in answers must be, whatever the keys (SPEC §7).
 *
 * Every call that changes something takes the next revision: so no two have the same, none is below what
 * somebody saw before it began, and in the end none is missing but those of calls whose outcome nobody
 * knows. A write that was applied twice took one too many. Proof: `test/e2e/NemesisJudge.test.ts`.
 */
import type { Call } from "./History.ts"

interface Taking {
  readonly call: Call
  readonly revision: number
}

/** One sentence for each thing that is wrong. `last` is the revision of the store in the end. */
export function findings(
  calls: ReadonlyArray<Call>,
  last: number | undefined
): ReadonlyArray<string> {
  const counting = last === undefined ? [] : counted(calls, last)
  return [...shared(calls), ...backwards(calls), ...counting]
}

const takingsOf = (calls: ReadonlyArray<Call>): ReadonlyArray<Taking> =>
  calls.flatMap((call) => {
    const revision = call.end._tag === "Answered" ? call.end.answer.taken : undefined
    return revision === undefined ? [] : [{ call, revision }]
  })

const describe = ({ client, invokedAt, writes }: Call): string =>
  `client ${client}'s call at ${invokedAt.toFixed(3)} (${writes.map(({ _tag, key }) => `${_tag} ${key}`).join(", ")})`

function shared(calls: ReadonlyArray<Call>): ReadonlyArray<string> {
  const byRevision = Map.groupBy(takingsOf(calls), ({ revision }) => revision)
  return [...byRevision].flatMap(([revision, takings]) =>
    takings.length === 1
      ? []
      : [`revision ${revision} is of ${takings.map(({ call }) => describe(call)).join(" and ")}`]
  )
}

/** Goes through calls and returns in the order of time. */
function backwards(calls: ReadonlyArray<Call>): ReadonlyArray<string> {
  const returns = calls
    .flatMap(({ end }) => (end._tag === "Answered" ? [{ at: end.at, ...end.answer }] : []))
    .sort((a, b) => a.at - b.at)
  const found: Array<string> = []
  let seen = 0
  let next = 0
  for (const call of calls.toSorted((a, b) => a.invokedAt - b.invokedAt)) {
    // At one time every call comes before every return.
    for (; next < returns.length && returns[next]!.at < call.invokedAt; next++) {
      seen = Math.max(seen, returns[next]!.seen ?? 0, returns[next]!.taken ?? 0)
    }
    if (call.end._tag !== "Answered") continue
    const { taken } = call.end.answer
    if (taken !== undefined && taken <= seen) {
      found.push(`${describe(call)} took revision ${taken}, and ${seen} was seen before it began`)
    }
  }
  return found
}

function counted(calls: ReadonlyArray<Call>, last: number): ReadonlyArray<string> {
  const taken = new Set(takingsOf(calls).map(({ revision }) => revision))
  const newest = Math.max(0, ...taken)
  const unknown = calls.filter(({ end, writes }) => end._tag === "Unknown" && writes.length > 0)
  if (newest > last) return [`revision ${newest} was answered, and the store ended at ${last}`]
  const unexplained = last - taken.size - unknown.length
  return unexplained <= 0
    ? []
    : [
        `the store ended at revision ${last}; ${taken.size} were answered and ${unknown.length} writes are of unknown outcome, so ${unexplained} changes more were made than were asked for`
      ]
}
