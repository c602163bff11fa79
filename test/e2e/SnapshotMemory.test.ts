/**
 * A snapshot of 64 MiB goes from one process to another, each under a heap of 256 MiB, and neither
 * ever holds all of it (SPEC §16). What they used is printed; `npm run snapshot-bench` takes larger ones.
 */
import { describe, expect, it } from "vitest"
import type { Report } from "../../bench/SnapshotProcess.ts"
import { run } from "../../bench/SnapshotRun.ts"

const mebibyte = 1024 ** 2
const stateBytes = 64 * mebibyte

const line = (report: Report) => {
  const shown = (["heldGrowth", "heapPeak", "anonymousPeak", "residentPeak"] as const).map(
    (name) => `${name} ${Math.round((report[name] ?? 0) / mebibyte)}`
  )
  return `${report.role}, MiB: ${shown.join(", ")}`
}

describe("a snapshot between two processes", () => {
  it("arrives whole, in memory that does not grow with it", async () => {
    const { receiver, rows, sender } = await run({
      mebibytes: stateBytes / mebibyte,
      nodeOptions: ["--expose-gc"]
    })
    console.log(`${line(sender)}\n${line(receiver)}`)
    expect(rows).toEqual({ sent: 8192, received: 8192 })
    for (const { bytes, heldGrowth } of [sender, receiver]) {
      expect(bytes).toBeGreaterThan(stateBytes)
      expect(heldGrowth).toBeGreaterThan(0)
      expect(heldGrowth).toBeLessThan(stateBytes / 3)
    }
  })
})
