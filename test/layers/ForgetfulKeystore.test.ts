/** SPEC §7: a keystore that unwraps a key and does not hold it stops the node; it does not spin. */
import { expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { EncryptionAdmin } from "../../src/services/EncryptionAdmin.ts"
import { Keystore } from "../../src/services/Keystore.ts"
import { start } from "../support/Fibers.ts"
import { until } from "../support/FrontedCluster.ts"
import { MemoryCluster } from "../support/MemoryCluster.ts"
import { swap } from "../support/SwappedLayers.ts"

it.effect("a key that is unwrapped and not held stops the node", () =>
  Effect.gen(function* () {
    let unwrapped = 0
    const cluster = new MemoryCluster({
      founders: ["n1"],
      swaps: () => [
        swap(Keystore, (keystore) => ({
          ...keystore,
          get: () => undefined,
          unwrap: () =>
            Effect.sync(() => {
              unwrapped += 1
            })
        }))
      ]
    })
    yield* Effect.addFinalizer(() => cluster.stop("n1"))
    yield* cluster.startAll()
    yield* until(() => cluster.readyLeader() !== undefined)
    const { stopped } = cluster.engine("n1")
    const stopping = yield* start(Effect.exit(stopped))
    yield* start(
      Effect.exit(
        cluster.on(
          "n1",
          Effect.flatMap(EncryptionAdmin, (admin) => admin.enableStorageEnvelope)
        )
      )
    )
    yield* until(() => stopping.pollUnsafe() !== undefined || unwrapped > 1_000)
    expect(unwrapped).toBe(1)
    const end = yield* Fiber.join(stopping)
    if (!Exit.isFailure(end)) return expect(end._tag).toBe("Failure")
    expect(Cause.pretty(end.cause)).toContain("the keystore holds what it has unwrapped")
  })
)
