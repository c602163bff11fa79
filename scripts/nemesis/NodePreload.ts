/**
 * What a node of the nemesis loads before its program (`node --import`): the only things that are other
 * than in a node of a user.
 *
 * It listens for its peers at another port than the one that the members know, where the proxy is; its log
 * is compacted early, so that who was away needs a snapshot; and it may be held at a step of the cutover
 * (`NodeFailpoints`). Everything else is the product.
 * Settings come by the environment; whoever forks from the node has them too.
 */
import { Server } from "node:net"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import * as Failpoint from "./Failpoint.ts"
import * as NodeFailpoints from "./NodeFailpoints.ts"

/** `KNOWN=BOUND`: who wants to listen at the first port listens at the second. */
const moved = process.env.SEALOG_NEMESIS_LISTEN
/** `ENTRIES,TAIL`. */
const compaction = process.env.SEALOG_NEMESIS_COMPACTION
/** Only of a planted bug. */
const patience = process.env.SEALOG_NEMESIS_PATIENCE_MILLIS

if (moved !== undefined) {
  const [known, bound] = moved.split("=").map(Number)
  const listen = Server.prototype.listen as (this: Server, ...rest: Array<unknown>) => Server
  Server.prototype.listen = function (this: Server, ...rest: Array<unknown>): Server {
    const [first, ...others] = rest
    const isAddress = typeof first === "object" && first !== null && "port" in first
    if (!isAddress || first.port !== known) return listen.call(this, ...rest)
    return listen.call(this, { ...first, port: bound }, ...others)
  } as typeof Server.prototype.listen
}

if (compaction !== undefined) {
  const [compactionEntries, compactionTailEntries] = compaction.split(",").map(Number)
  Object.assign(NodeConfigLive.defaults, { compactionEntries, compactionTailEntries })
}

if (patience !== undefined) {
  Object.assign(NodeConfigLive.defaults, { proposalTimeoutMillis: Number(patience) })
}

const { [Failpoint.directoryVariable]: failpoints, [Failpoint.nameVariable]: name } = process.env
if (failpoints !== undefined && name !== undefined) NodeFailpoints.install(failpoints, name)
