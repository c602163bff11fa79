/** Whole nodes over real sockets, with a log that is soon compacted (SPEC §9, §15, §16). */
import { expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { keptPorts } from "../../scripts/cluster/KeptPort.ts"
import * as BootstrapList from "../../src/domain/peer/BootstrapList.ts"
import * as AdmissionBootstrap from "../../src/layers/AdmissionBootstrap.ts"
import * as CsprngNode from "../../src/layers/CsprngNode.ts"
import * as KekProviderNone from "../../src/layers/KekProviderNone.ts"
import * as MemberChallengeSocket from "../../src/layers/MemberChallengeSocket.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import * as Node from "../../src/layers/Node.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import * as NodeMemory from "../../src/layers/NodeMemory.ts"
import * as TelemetryLive from "../../src/layers/TelemetryLive.ts"
import * as TransportSocket from "../../src/layers/TransportSocket.ts"
import { Applier } from "../../src/services/Applier.ts"
import { KvStore } from "../../src/services/KvStore.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { until } from "../contracts/Transport.ts"

const settings = NodeConfigLive.layer({
  tickMillis: 20,
  compactionEntries: 20,
  compactionTailEntries: 5,
  peerBackoffMillis: { min: 1, max: 50 }
})

const nodeLayer = (list: BootstrapList.BootstrapList, at: number, disk: MemoryDisk) => {
  const { address: listen, nodeName } = list[at]!
  const telemetry = TelemetryLive.layer({ nodeName, groupId: Node.groupId })
  const admission = AdmissionBootstrap.layer({ list, own: nodeName, hasKek: false })
  const transport = TransportSocket.layer({ listen, clientEndpoint: Effect.succeed(undefined) })
  const peers = Layer.merge(transport, MemberChallengeSocket.layer)
  return Node.replicaKvOver({ nodeName, peers }).pipe(
    Layer.provide(Layer.provide(admission, telemetry)),
    Layer.provide(NodeMemory.stores({ disk })),
    Layer.provide(Layer.mergeAll(KekProviderNone.layer, CsprngNode.layer, settings)),
    Node.isolated
  )
}

/** A node that runs until it is stopped. */
const open = Effect.fnUntraced(function* (
  list: BootstrapList.BootstrapList,
  at: number,
  disk: MemoryDisk
) {
  const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
  const context = yield* Layer.buildWithScope(nodeLayer(list, at, disk), scope)
  return {
    engine: Context.get(context, RaftEngine),
    applier: Context.get(context, Applier),
    store: Context.get(context, KvStore),
    stop: Scope.close(scope, Exit.void)
  }
})

const bytes = (text: string) => new TextEncoder().encode(text)

it.live("a member that was away for longer than the log reaches back gets a snapshot", () =>
  Effect.scoped(
    Effect.gen(function* () {
      const ports = yield* keptPorts(3)
      const text = ports.map((port, at) => `n${at + 1}=127.0.0.1:${port}`).join(",")
      const list = BootstrapList.parse(text)!
      const disks = list.map(() => new MemoryDisk())
      const nodes = yield* Effect.forEach(disks, (disk, at) => open(list, at, disk), {
        concurrency: "unbounded"
      })
      const leads = () => nodes.find(({ engine }) => engine.intake()._tag === "Open")
      yield* until(() => leads() !== undefined)
      const leader = leads()!
      const away = nodes.findIndex((node) => node !== leader)
      yield* nodes[away]!.stop
      for (let at = 0; at < 60; at += 1) {
        yield* leader.store.put(bytes(`k${at}`), bytes(`v${at}`))
      }
      const behind = disks[away]!
      // The log is looked at when something is applied.
      while (leader.engine.status().firstIndex <= 40) {
        yield* leader.store.put(bytes("more"), bytes("v"))
      }

      const again = yield* open(list, away, behind)
      yield* until(() => again.applier.position.index >= leader.applier.position.index)
      // It has not seen the entries before: they came as a state.
      expect(again.engine.status().firstIndex).toBeGreaterThan(40)
      expect([...again.applier.members.byId.keys()]).toEqual([1, 2, 3])
      const found = yield* again.store.get(bytes("k0"), { stale: true })
      expect(new TextDecoder().decode(found?.value)).toBe("v0")
    })
  )
)
