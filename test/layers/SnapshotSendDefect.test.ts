/** SPEC §16: a snapshot that is not sent for a reason nobody has thought of is sent again. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Transport } from "../../src/services/Transport.ts"
import { elected, founders, inTime, until } from "../support/FrontedCluster.ts"
import { put } from "../support/NodeCalls.ts"
import { swap } from "../support/SwappedLayers.ts"

it.effect("a defect in sending one does not leave its member behind for ever", () =>
  Effect.gen(function* () {
    let sent = 0
    const { cluster, followers, leader, stop } = yield* elected({
      settings: { compactionEntries: 20, compactionTailEntries: 5 },
      swaps: () => [
        swap(Transport, (transport) => ({
          ...transport,
          sendSnapshot: (message, bytes) =>
            Effect.suspend(() => {
              sent += 1
              return sent === 1 ? Effect.die("planted") : transport.sendSnapshot(message, bytes)
            })
        }))
      ]
    })
    const [away] = followers
    yield* stop(away)
    // The log is looked at when something is applied.
    for (let at = 0; cluster.engine(leader).status().firstIndex <= 20; at += 1) {
      expect(at).toBeLessThan(200)
      yield* inTime(cluster.on(leader, put(`k${at}`, "v")))
    }
    yield* inTime(cluster.start(away))
    const applied = (name: string) => cluster.applier(name).position.index
    yield* until(() => founders.every((name) => applied(name) === applied(leader)))
    expect(sent).toBe(2)
  })
)
