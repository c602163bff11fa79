/** The flags that several commands share; each is checked here, once. */
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Endpoint from "../domain/api/Endpoint.ts"
import { type LogIndex, NodeName } from "../domain/Ids.ts"
import * as Limits from "../domain/Limits.ts"
import * as BootstrapList from "../domain/peer/BootstrapList.ts"
import * as NodeConfigLive from "./NodeConfigLive.ts"

const endpointFlag = (name: string, portMin: number) =>
  Flag.String(name).pipe(
    Flag.withMetavar("HOST:PORT"),
    Flag.filterMap(
      (text) =>
        Option.filter(Option.fromUndefinedOr(Endpoint.parse(text)), ({ port }) => port >= portMin),
      () => `Expected HOST:PORT with a port from ${portMin} to 65535`
    )
  )

export const endpoint = Flag.String("endpoint").pipe(
  Flag.withMetavar("HOST:PORT[,…]"),
  Flag.filterMap(
    (text) => {
      const endpoints = text.split(",").map((one) => Endpoint.parse(one.trim()))
      const known = endpoints.filter((one) => one !== undefined && one.port > 0)
      return known.length === endpoints.length
        ? Option.some(known as ReadonlyArray<Endpoint.Endpoint>)
        : Option.none()
    },
    () => "Expected HOST:PORT with a port from 1 to 65535, or several with commas between them"
  ),
  Flag.withDescription("Address of a node, or of several, of which one that answers is asked")
)

export const listen = endpointFlag("listen", 0).pipe(
  Flag.withDescription("Loopback address to serve; port 0 takes any free port")
)

export const metricsListen = endpointFlag("metrics-listen", 0).pipe(
  Flag.withDescription("Loopback address for /metrics and /healthz; without it neither is served"),
  Flag.optional
)

export const bootstrap = Flag.String("bootstrap").pipe(
  Flag.withMetavar("NAME=HOST:PORT,…"),
  Flag.filterMap(
    (text) => Option.fromUndefinedOr(BootstrapList.parse(text)),
    () => "Expected NAME=HOST:PORT, or several with commas between them"
  ),
  Flag.withDescription("Nodes that found a cluster, with their peer addresses; the same on each"),
  Flag.optional
)

export const join = endpointFlag("join", 1).pipe(
  Flag.withDescription("Peer address of any member of the cluster that this node is to join"),
  Flag.optional
)

export const peerListen = endpointFlag("peer-listen", 1).pipe(
  Flag.withDescription("Loopback address at which the other members reach this node"),
  Flag.optional
)

export const ballastBytes = Flag.Int("ballast-bytes").pipe(
  Flag.withMetavar("BYTES"),
  Flag.filter(
    (bytes) => bytes >= 0,
    () => "Expected a number of bytes, 0 for none"
  ),
  Flag.withDescription("Size of the file BALLAST, to be deleted when the disk is full; 0 for none"),
  Flag.withDefault(64 * Limits.mebibyte)
)

const count = (name: string, min: number, withDefault: number) =>
  Flag.Int(name).pipe(
    Flag.withMetavar("ENTRIES"),
    Flag.filter(
      (entries) => entries >= min,
      () => `Expected a number of entries, at least ${min}`
    ),
    Flag.withDefault(withDefault)
  )

export const compactionEntries = count(
  "compaction-entries",
  1,
  NodeConfigLive.defaults.compactionEntries
).pipe(Flag.withDescription("A log of more entries forgets those that the state holds durably"))

export const compactionTailEntries = count(
  "compaction-tail-entries",
  0,
  NodeConfigLive.defaults.compactionTailEntries
).pipe(Flag.withDescription("Entries kept for members that lag, so that they need no snapshot"))

export const dataDirectory = Flag.String("data-dir").pipe(
  Flag.withMetavar("DIRECTORY"),
  Flag.filter(
    (text) => text !== "",
    () => "Expected a directory"
  ),
  Flag.withDescription("Data directory of the node")
)

export const stale = Flag.Boolean("stale").pipe(
  Flag.withDescription("Answer from this node's state at once, which may lag behind"),
  Flag.withDefault(false)
)

const isNodeName = Schema.is(NodeName)

export const nodeName = Flag.String("name").pipe(
  Flag.filterMap(
    (text) => Option.liftPredicate(isNodeName)(text),
    () => "Expected 1 to 64 characters of A-Z a-z 0-9 _ . -"
  ),
  Flag.withDescription("Name of the node; a directory keeps the name it was created with")
)

export const logIndex = (name: string) =>
  Flag.Int(name).pipe(
    Flag.filterMap(
      (index) => (index >= 0 ? Option.some(index as LogIndex) : Option.none()),
      () => "Expected a log index, 0 or more"
    ),
    Flag.optional
  )
