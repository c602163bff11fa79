/** What the demonstration counts, and what it does not let pass. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { keptPorts } from "../../scripts/cluster/KeptPort.ts"
import * as Report from "../../scripts/demo/Report.ts"
import * as Writers from "../../scripts/demo/Writers.ts"

const right: Report.Report = {
  ...{ phase: 2, cutoverIndex: 300, nodes: 3, leaderChanges: 2 },
  ...{ acknowledged: 3_000, acknowledgedBeforeCutover: 1_500, acknowledgedAfterCutover: 1_400 },
  ...{ acknowledgedDuringCutover: 100, clientErrors: 0, refused: 0, unanswered: 0 },
  ...{ lost: 0, wrong: 0, twice: 0, misplacedEntries: 0, statesEqual: true },
  ...{
    barrierClosedMillis: 9,
    pauseMillisMax: 900,
    pauseBeganAtMillis: 9_000,
    elapsedMillis: 40_000
  },
  ...{ controlFound: true, canaryInLog: false, canaryInState: false },
  ...{ wasAlreadyActiveOnRetry: true, wrongKekRefused: true, learnerCaughtUp: true },
  ...{ dryRunAccepted: true }
}

const deviations: ReadonlyArray<Partial<Report.Report>> = [
  { phase: 1 },
  { nodes: 2 },
  { leaderChanges: 0 },
  { acknowledged: 1_999 },
  { acknowledgedBeforeCutover: 499 },
  { acknowledgedAfterCutover: 499 },
  { clientErrors: 1 },
  { lost: 1 },
  { wrong: 1 },
  { twice: 1 },
  { misplacedEntries: 1 },
  { statesEqual: false },
  { controlFound: false },
  { canaryInLog: true },
  { canaryInState: true },
  { wasAlreadyActiveOnRetry: false },
  { dryRunAccepted: false },
  { wrongKekRefused: false },
  { learnerCaughtUp: false }
]

describe("the report of the demonstration", () => {
  it("has nothing to say against what is right", () => {
    assert.deepStrictEqual(Report.shortcomings(right), [])
  })

  it.each(deviations)("does not let pass %o", (deviation) => {
    assert.lengthOf(Report.shortcomings({ ...right, ...deviation }), 1)
  })
})

describe("the clients of the demonstration", () => {
  it.live("count every error", () =>
    Effect.gen(function* () {
      const [port] = (yield* keptPorts(1)) as [number]
      const ledger = new Writers.Ledger()
      yield* Writers.run([{ host: "127.0.0.1", port }], 3, ledger)
      assert.deepStrictEqual([...ledger.errors], [["EndpointUnreachable", 3]])
      assert.strictEqual(ledger.clientErrors, 3)
      ledger.fail("WriteOutcomeUnknown")
      assert.deepStrictEqual([ledger.clientErrors, ledger.unanswered], [4, 1])
    })
  )
})
