/**
 * The nodes that found a cluster together, as the operator names them: `n1=H:P,n2=H:P,n3=H:P` (SPEC §3).
 *
 * The first is the founder. Every node must be given the same list: two lists would be two clusters, so
 * their nodes recognise each other by the digest. Proof: `BootstrapList.test.ts`.
 */
import { createHash } from "node:crypto"
import * as Schema from "effect/Schema"
import * as Endpoint from "../api/Endpoint.ts"
import { NodeName } from "../Ids.ts"
import * as Limits from "../Limits.ts"
import { BootstrapListRefused } from "./Errors.ts"

export interface Listed {
  readonly nodeName: NodeName
  /** Where its peers reach it. */
  readonly address: Endpoint.Endpoint
}

/** In the order of the member ids: the founder is 1. */
export type BootstrapList = ReadonlyArray<Listed>

const isNodeName = Schema.is(NodeName)

/** `undefined` if it is not `NAME=HOST:PORT`, or several of these with commas between them. */
export function parse(text: string): BootstrapList | undefined {
  const list = text.split(",").map((item) => parseItem(item.trim()))
  return list.every((listed) => listed !== undefined) ? list : undefined
}

function parseItem(text: string): Listed | undefined {
  const equals = text.indexOf("=")
  const nodeName = text.slice(0, Math.max(0, equals))
  const address = Endpoint.parse(text.slice(equals + 1))
  if (!isNodeName(nodeName) || address === undefined) return undefined
  return { nodeName, address: Endpoint.toBind(address) }
}

/** Why no cluster can be founded from this list; `undefined` if one can. */
export function refusalOf(list: BootstrapList, own: NodeName): BootstrapListRefused | undefined {
  const refused = (reason: BootstrapListRefused["reason"], subject: string) =>
    new BootstrapListRefused({ reason, subject })
  if (list.length > Limits.foundingVotersMax) return refused("tooMany", `${list.length}`)
  const names = new Set<string>()
  const addresses = new Set<string>()
  for (const { address, nodeName } of list) {
    const text = Endpoint.format(address)
    if (address.port === 0) return refused("portZero", nodeName)
    if (names.has(nodeName)) return refused("nameTwice", nodeName)
    if (addresses.has(text)) return refused("addressTwice", text)
    names.add(nodeName)
    addresses.add(text)
  }
  return names.has(own) ? undefined : refused("ownNameMissing", own)
}

/** What says that two nodes have the same list: 32 hex digits. */
export function digestOf(list: BootstrapList): string {
  const text = list.map(({ address, nodeName }) => `${nodeName}=${Endpoint.format(address)}`)
  return createHash("sha256")
    .update(`sealog/bootstrap:${text.join(",")}`)
    .digest("hex")
    .slice(0, 32)
}
