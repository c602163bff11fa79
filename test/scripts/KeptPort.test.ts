/** Ports that are asked for one after the other are for processes that run together. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { keptPorts } from "../../scripts/cluster/KeptPort.ts"

it.effect("no port is given twice, however often it is asked", () =>
  Effect.gen(function* () {
    // Of 20,000: by chance alone 600 are all different once in 8,000 times.
    const asked = yield* Effect.forEach(Array.from({ length: 300 }), () => keptPorts(2))
    const ports = asked.flat()
    expect(ports).toHaveLength(600)
    expect(new Set(ports).size).toBe(ports.length)
  })
)
