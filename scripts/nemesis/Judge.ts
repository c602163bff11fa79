/**
 * What a history is worth: linearizable key by key, its revisions those of one store, and every write of
 * a session applied once (SPEC §7, §19: I10).
 *
 * Knows no processes. What must never happen: a verdict that is a guess; what is too much work is
 * undecided. Proof: `test/e2e/NemesisJudge.test.ts`.
 */
import * as Checker from "../../test/linearizability/Checker.ts"
import * as Explanation from "../../test/linearizability/Explanation.ts"
import * as KvModel from "../../test/linearizability/KvModel.ts"
import { type Call, operationsOf } from "./History.ts"
import * as Revisions from "./Revisions.ts"

export interface Verdict {
  /** Each with its explanation. */
  readonly violations: ReadonlyArray<string>
  readonly isUndecided: boolean
}

const findingsShownMax = 10

/** `lastRevision`: of the store when all clients were gone; `undefined` if it was not found out. */
export function judge(
  calls: ReadonlyArray<Call>,
  lastRevision: number | undefined,
  options: { readonly workMax?: number } = {}
): Verdict {
  const operations = operationsOf(calls)
  const verdict = Checker.check({
    ...{ model: KvModel.model, operations, keyOf: KvModel.keyOf },
    likenessOf: KvModel.likenessIn(operations),
    ...options
  })
  const wrong = calls.flatMap(({ client, end }) => {
    const why = end._tag === "Answered" ? end.answer.wrong : undefined
    return why === undefined ? [] : [`client ${client}: ${why}`]
  })
  const findings = [...wrong, ...Revisions.findings(calls, lastRevision)]
  return {
    violations: [
      ...(verdict._tag === "Violation" ? [Explanation.text(KvModel.model, verdict.violation)] : []),
      ...findings.slice(0, findingsShownMax),
      ...(findings.length > findingsShownMax
        ? [`… and ${findings.length - findingsShownMax} findings more`]
        : [])
    ],
    isUndecided: verdict._tag === "Undecided"
  }
}
