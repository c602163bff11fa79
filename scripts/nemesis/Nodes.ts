/**
 * The nodes of an episode: real `sealog serve` processes, each with a proxy in front of its peer
 * address and another one in front of its client endpoint; killed, stopped and started as the plan wants it.
 *
 * The members know the addresses of the proxies, and so do the clients. Operators, and nodes that forward,
 * reach a node at its own client endpoint. What must never happen: a process or a stopped
 * one that outlives the scope, a node that ends by itself unnoticed. Its stderr is in `NAME.log`.
 */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Endpoint from "../../src/domain/api/Endpoint.ts"
import type { NodeName } from "../../src/domain/Ids.ts"
import { keptPorts } from "../cluster/KeptPort.ts"
import * as NodeProcess from "../demo/NodeProcess.ts"
import { ClientLinks } from "./ClientLinks.ts"
import * as Failpoint from "./Failpoint.ts"
import { PeerLinks } from "./PeerLinks.ts"
import * as PeerOrigin from "./PeerOrigin.ts"
import * as Proxy from "./Proxy.ts"

export interface Place {
  readonly nodeName: NodeName
  readonly directory: string
  readonly log: string
  /** Its own client endpoint. */
  readonly client: Endpoint.Endpoint
  /** Where clients find it: a proxy. */
  readonly clientProxy: Endpoint.Endpoint
  /** As the members know it: its proxy. */
  readonly peer: Endpoint.Endpoint
  readonly boundPort: number
}

export interface Options {
  readonly directory: string
  readonly kekFile: string
  readonly random: () => number
  /** Where failpoints are armed, if they may be. */
  readonly failpoints?: string | undefined
  /** Whose log is compacted as in production, which no episode is long enough for; nobody's if left out. */
  readonly keepsLog?: ((nodeName: string) => boolean) | undefined
  /** A planted bug: what passes in a moment is told to clients (`NodePreload`). */
  readonly isImpatient?: boolean
}

type Running = NodeProcess.Running

/** Mutable: one node that was started at least once. */
interface Member {
  readonly place: Place
  readonly flags: ReadonlyArray<string>
  process: Running | undefined
}

/** A log of more entries is compacted, to this tail: a few hundred writes are a snapshot's worth. */
const compaction = "300,50"
const preload = pathToFileURL(join(import.meta.dirname, "NodePreload.ts")).href
const intoFile = ["sh", "-c", 'log="$1"; shift; exec "$@" 2>>"$log"', "sh"]

export type Nodes = Effect.Success<ReturnType<typeof make>>

export const make = Effect.fnUntraced(function* (options: Options) {
  const { directory, kekFile, random } = options
  const scope = yield* Effect.scope
  const links = new PeerLinks()
  const clientLinks = new ClientLinks()
  const members = new Map<string, Member>()

  const place = (nodeName: string) =>
    Effect.map(placeOf(nodeName, { directory, random }), ({ clientProxy, made, peerProxy }) => {
      links.add(nodeName, peerProxy)
      clientLinks.add(nodeName, clientProxy)
      return made
    }).pipe(Scope.provide(scope))

  /** The process is there at once; it may wait for a long time before it serves. */
  const begin = (member: Member) => {
    const { client, directory, nodeName } = member.place
    const serveArguments = NodeProcess.serveArguments({
      ...{ directory, nodeName, kekFile, flags: member.flags },
      listen: Endpoint.format(client)
    })
    return NodeProcess.start(serveArguments, launchOf(member.place, options)).pipe(
      Scope.provide(scope),
      Effect.tap((process) =>
        Effect.sync(() => {
          member.process = process
        })
      )
    )
  }

  const of = (nodeName: string): Member => members.get(nodeName)!
  /** With SIGKILL; returns when it is gone. */
  const kill = (nodeName: string) =>
    Effect.suspend(() => {
      const { process } = of(nodeName)
      of(nodeName).process = undefined
      if (process === undefined) return Effect.void
      process.kill("SIGKILL")
      return Effect.asVoid(process.end)
    })
  return {
    links,
    clientLinks,
    place,
    /** The first start of a node. */
    start: (at: Place, flags: ReadonlyArray<string>) => {
      const member: Member = { place: at, flags, process: undefined }
      members.set(at.nodeName, member)
      return begin(member)
    },
    restart: (nodeName: string) => Effect.suspend(() => begin(of(nodeName))),
    /** Returns when it serves. */
    ready: (nodeName: string) =>
      Effect.suspend(() => of(nodeName).process?.firstLine ?? Effect.succeed("")),
    kill,
    /** With SIGTERM, as an operator does. */
    stop: (nodeName: string) =>
      Effect.gen(function* () {
        const { process } = of(nodeName)
        of(nodeName).process = undefined
        process?.kill("SIGTERM")
        const code = process === undefined ? null : (yield* process.end).code
        return { nodeName, code }
      }),
    signal: (nodeName: string, signal: "SIGSTOP" | "SIGCONT") =>
      Effect.sync(() => void of(nodeName).process?.kill(signal)),
    /** Killed, and no part of the cluster any more. */
    dismiss: (nodeName: string) =>
      Effect.andThen(
        kill(nodeName),
        Effect.sync(() => void members.delete(nodeName))
      ),
    ...viewOf(members)
  }
})

/** What is known of them without asking. */
const viewOf = (members: ReadonlyMap<string, Member>) => {
  const of = (nodeName: string): Member => members.get(nodeName)!
  return {
    /** All that belong to the cluster, whether they run or not. */
    names: () => [...members.keys()],
    isRunning: (nodeName: string) => {
      const process = members.get(nodeName)?.process
      return process !== undefined && process.ended() === undefined
    },
    isKilled: (nodeName: string) => members.get(nodeName)?.process === undefined,
    /** Of its process; 0 if it has none. */
    pidOf: (nodeName: string) => members.get(nodeName)?.process?.pid ?? 0,
    directoryOf: (nodeName: string) => of(nodeName).place.directory,
    endpointOf: (nodeName: string) => of(nodeName).place.client,
    peerOf: (nodeName: string) => of(nodeName).place.peer,
    /** Nodes that have ended although nobody killed them, one sentence each. */
    endedByThemselves: () =>
      [...members.values()].flatMap(({ place: { nodeName }, process }) => {
        const how = process?.ended()
        return how === undefined
          ? []
          : [`${nodeName} ended by itself (${how.signal ?? `exit code ${how.code}`})`]
      }),
    /** Where operators may try their luck, whatever is the matter there. */
    endpoints: () => [...members.values()].map(({ place: { client } }) => client),
    /** The same for clients, whose way may be in trouble too. */
    clientEndpoints: () => [...members.values()].map(({ place: { clientProxy } }) => clientProxy)
  }
}

/** Chooses the ports, and opens the proxies. */
const placeOf = Effect.fnUntraced(function* (
  nodeName: string,
  { directory, random }: Pick<Options, "directory" | "random">
) {
  const [client, boundPort] = (yield* keptPorts(2)) as [number, number]
  const host = "127.0.0.1"
  const peerProxy = yield* Proxy.open({
    target: { host, port: boundPort },
    ...{ random, originOf: PeerOrigin.originOf }
  })
  const clientProxy = yield* Proxy.open({ target: { host, port: client }, random })
  const made: Place = {
    nodeName: nodeName as NodeName,
    directory: join(directory, nodeName),
    log: join(directory, `${nodeName}.log`),
    client: { host, port: client },
    clientProxy: clientProxy.address,
    peer: peerProxy.address,
    boundPort
  }
  return { made, peerProxy, clientProxy }
})

const launchOf = (
  { boundPort, log, nodeName, peer }: Place,
  { failpoints, isImpatient = false, keepsLog = () => false }: Options
): NodeProcess.Launch => ({
  wrapper: [...intoFile, log],
  environment: {
    NODE_OPTIONS: `--import ${preload}`,
    SEALOG_NEMESIS_LISTEN: `${peer.port}=${boundPort}`,
    ...(isImpatient ? { SEALOG_NEMESIS_PATIENCE_MILLIS: "500" } : {}),
    ...(keepsLog(nodeName) ? {} : { SEALOG_NEMESIS_COMPACTION: compaction }),
    ...(failpoints === undefined
      ? {}
      : { [Failpoint.directoryVariable]: failpoints, [Failpoint.nameVariable]: nodeName })
  }
})

/** How often the logs of all nodes tell of this. */
export const told = (places: ReadonlyArray<Place>, what: string): number =>
  places
    .filter(({ log }) => existsSync(log))
    .reduce((count, { log }) => count + readFileSync(log, "utf8").split(what).length - 1, 0)
