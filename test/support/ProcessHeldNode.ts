/**
 * Run by a test in the place of `sealog serve`: the same node on the same files, but the write that
 * would bring the cutover marker to the disk waits until the process gets SIGUSR2.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as SocketServer from "effect/socket/SocketServer"
import type { NodeName } from "../../src/domain/Ids.ts"
import * as AdmissionAlone from "../../src/layers/AdmissionAlone.ts"
import * as CsprngNode from "../../src/layers/CsprngNode.ts"
import * as KekProviderFile from "../../src/layers/KekProviderFile.ts"
import * as Node from "../../src/layers/Node.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import * as NodeFront from "../../src/layers/NodeFront.ts"
import * as RpcServerSocket from "../../src/layers/RpcServerSocket.ts"
import * as TransportNone from "../../src/layers/TransportNone.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { Gate } from "./GatedLog.ts"
import { isMarker } from "./StagedNode.ts"

/** Of the command line of `serve`. */
const argument = (flag: string): string => process.argv[process.argv.indexOf(flag) + 1]!

const gate = new Gate()
gate.close()
process.on("SIGUSR2", () => gate.open())

const stores = Layer.effect(
  RaftLogStore,
  Effect.map(RaftLogStore, (store) => ({
    ...store,
    persist: (write) =>
      write.entries.some(isMarker)
        ? Effect.andThen(gate.pass, store.persist(write))
        : store.persist(write)
  }))
).pipe(Layer.provideMerge(Node.stores({ directory: argument("--data-dir") })))

const node = Node.replicaKv({ nodeName: argument("--name") as NodeName }).pipe(
  Layer.provideMerge(Layer.mergeAll(TransportNone.layer, AdmissionAlone.layer())),
  Layer.provideMerge(stores),
  Layer.provideMerge(Layer.mergeAll(CsprngNode.layer, NodeConfigLive.layer())),
  Layer.provide(KekProviderFile.layer({ path: argument("--kek-file") })),
  Layer.provide(Logger.layer([]))
)

const program = Effect.gen(function* () {
  const context = yield* Layer.build(node)
  const server = RpcServerSocket.layer({ host: "127.0.0.1", port: 0 })
  const socket = yield* Layer.build(Layer.provide(server, NodeFront.layer)).pipe(
    Effect.provideContext(context)
  )
  const { address } = Context.get(socket, SocketServer.SocketServer)
  const port = "port" in address ? address.port : 0
  console.log(JSON.stringify({ ready: true, listen: `127.0.0.1:${port}` }))
  return yield* Context.get(context, RaftEngine).stopped
})

NodeRuntime.runMain(Effect.scoped(program))
