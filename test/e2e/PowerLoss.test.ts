import { describe, expect, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Campaign from "../../scripts/power-loss/Campaign.ts"
import * as PowerLossPlantedBug from "../support/PowerLossPlantedBug.ts"
import { temporaryDirectory } from "../support/ProcessSealog.ts"
import { itTraced } from "../support/StraceProcess.ts"

vi.setConfig({ testTimeout: 180_000 })

describe("a power loss (SPEC §8, §17)", () => {
  itTraced("loses nothing that was acknowledged, and leaves a state that was", () =>
    Effect.gen(function* () {
      const findings: Array<string> = []
      const report = yield* Campaign.run({
        images: 60,
        seed: 1,
        parent: yield* temporaryDirectory,
        say: (finding) => findings.push(finding)
      })
      expect(findings).toEqual([])
      expect(Campaign.shortcomings(report)).toEqual([])
      expect(report.images).toBe(60)
    })
  )
})

describe("a campaign of power losses", () => {
  const found: ReadonlyArray<readonly [bug: string, kind: "acknowledgedLost" | "stateMismatches"]> =
    [
      ["logNotSynced", "acknowledgedLost"],
      ["namesNotSynced", "acknowledgedLost"],
      ["stateSplit", "stateMismatches"]
    ]

  for (const [bug, kind] of found) {
    itTraced(`finds a planted bug: ${bug}`, () =>
      Effect.gen(function* () {
        const findings: Array<string> = []
        const report = yield* Campaign.run({
          images: 200,
          seed: 1,
          parent: yield* temporaryDirectory,
          bug: PowerLossPlantedBug.environments[bug],
          isEnough: (soFar) => soFar[kind] > 0,
          say: (finding) => findings.push(finding)
        })
        expect(report[kind]).toBeGreaterThan(0)
        expect(Campaign.shortcomings(report)).not.toEqual([])
        expect(findings.join()).toMatch(/--recording .* --seed \d+ --image \d+/)
      })
    )
  }
})
