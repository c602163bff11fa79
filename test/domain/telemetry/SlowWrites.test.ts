import { expect, it } from "vitest"
import {
  reportMillisMin,
  SlowWrites,
  slowMillisMin
} from "../../../src/domain/telemetry/SlowWrites.ts"

it("reports the first slow write, then one in a while with the number of those between", () => {
  const writes = new SlowWrites()
  const at = (endedAt: number, millis = slowMillisMin) => writes.toReport({ endedAt, millis })
  expect(at(0, slowMillisMin - 1), "fast enough").toBeUndefined()
  expect(at(10)).toBe(0)
  expect(at(11)).toBeUndefined()
  expect(at(12, 1), "a fast one is none of those").toBeUndefined()
  expect(at(9 + reportMillisMin)).toBeUndefined()
  expect(at(10 + reportMillisMin)).toBe(2)
  expect(at(11 + reportMillisMin)).toBeUndefined()
  expect(at(10 + 2 * reportMillisMin)).toBe(1)
})
