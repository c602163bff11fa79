import { describe, expect, it } from "vitest"
import type { LogIndex } from "../../../src/domain/Ids.ts"
import * as CutoverDivergence from "../../../src/domain/snapshot/CutoverDivergence.ts"

const at = (value: number) => value as LogIndex

const problemOf = (snapshot: readonly [number, number], sidecar: readonly [number, number]) =>
  CutoverDivergence.problemOf({
    snapshot: { index: at(snapshot[0]), cutover: at(snapshot[1]) },
    sidecar: { cutover: at(sidecar[0]), applied: at(sidecar[1]) }
  })

describe("snapshot and sidecar (SPEC §17)", () => {
  it("names both when they name different cutovers", () => {
    expect(problemOf([9, 3], [4, 10])).toMatchObject({
      _tag: "EnvelopeCutoverDivergence",
      snapshotIndex: 9,
      snapshotCutover: 3,
      sidecarCutover: 4,
      appliedIndex: 10
    })
  })

  it.each([
    ["neither is cut over", [5, 0], [0, 9]],
    ["both name one cutover", [5, 3], [3, 9]],
    ["the marker came after the snapshot", [5, 0], [6, 9]],
    ["the marker is the snapshot's last entry", [5, 5], [5, 5]],
    ["the state has yet to replay the marker", [5, 4], [0, 3]]
  ] as const)("agree when %s", (_, snapshot, sidecar) => {
    expect(problemOf(snapshot, sidecar)).toBeUndefined()
  })

  it.each([
    ["the header misses the marker at its own index", [5, 0], [5, 9]],
    ["the header misses a marker before", [5, 0], [1, 9]],
    ["the state has just applied the header's marker and does not know", [5, 4], [0, 4]],
    ["the state is far beyond it and does not know", [5, 4], [0, 9]]
  ] as const)("disagree when %s", (_, snapshot, sidecar) => {
    expect(problemOf(snapshot, sidecar)?._tag).toBe("EnvelopeCutoverDivergence")
  })

  /**
   * The model: a log has one marker at most. A snapshot and a state tell the truth if there is a
   * place for it (0 = nowhere) of which the header says what it should at `s`, and the sidecar at `a`.
   */
  it("disagree exactly when no log can have made both, over all small positions", () => {
    const size = 7
    let agreements = 0
    for (let s = 1; s < size; s++) {
      for (let h = 0; h <= s; h++) {
        for (let a = 0; a < size; a++) {
          for (let c = 0; c <= a; c++) {
            const markers = Array.from({ length: size }, (_, marker) => marker)
            const knownAt = (marker: number, index: number) => (marker <= index ? marker : 0)
            const isPossible = markers.some(
              (marker) => knownAt(marker, s) === h && knownAt(marker, a) === c
            )
            expect(problemOf([s, h], [c, a]) === undefined, `${[s, h, c, a]}`).toBe(isPossible)
            agreements += isPossible ? 1 : 0
          }
        }
      }
    }
    expect(agreements).toBeGreaterThan(50)
  })
})
