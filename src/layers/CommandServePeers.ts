/**
 * What the flags of `sealog serve` say about peers: the way into a cluster, and the peer address
 * (SPEC §3, §15). Everything that can be refused is, before anything is opened, and so whether or not the
 * directory is one that would use it.
 *
 * Proof: `test/e2e/ServePeers.test.ts`.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Endpoint from "../domain/api/Endpoint.ts"
import type { NodeName } from "../domain/Ids.ts"
import * as BootstrapList from "../domain/peer/BootstrapList.ts"
import type { Admission } from "../services/Admission.ts"
import type { Csprng } from "../services/Csprng.ts"
import type { Keystore } from "../services/Keystore.ts"
import type { NodeConfig } from "../services/NodeConfig.ts"
import type { Telemetry } from "../services/Telemetry.ts"
import * as AdmissionAlone from "./AdmissionAlone.ts"
import * as AdmissionBootstrap from "./AdmissionBootstrap.ts"
import * as AdmissionJoin from "./AdmissionJoin.ts"
import type * as PeerAddressLive from "./PeerAddressLive.ts"
import * as RpcServerSocket from "./RpcServerSocket.ts"

/** A node founds a cluster with others, or joins one. */
export class TwoWaysIntoCluster extends Data.TaggedError("TwoWaysIntoCluster") {
  override get message() {
    return "--bootstrap and --join were both given; give --bootstrap to the nodes that found a cluster, and --join to one that is added to it"
  }
}

/** The members must be able to reach who joins. */
export class PeerListenMissing extends Data.TaggedError("PeerListenMissing") {
  override get message() {
    return "--join was given without --peer-listen; say where the other members will reach this node"
  }
}

/** It would wait for itself. */
export class JoinOfItself extends Data.TaggedError("JoinOfItself") {
  override get message() {
    return "--join names this node's own --peer-listen; name the peer address of a member"
  }
}

/** The list says where the others will dial. */
export class PeerListenNotListed extends Data.TaggedError("PeerListenNotListed")<{
  readonly given: string
  readonly listed: string
}> {
  override get message() {
    return `--peer-listen ${this.given} is not what --bootstrap says of this node (${this.listed}); leave it out, or mend the list on every node`
  }
}

export interface PeerFlags {
  readonly nodeName: NodeName
  readonly bootstrap: BootstrapList.BootstrapList | undefined
  readonly join: Endpoint.Endpoint | undefined
  readonly peerListen: Endpoint.Endpoint | undefined
  readonly hasKek: boolean
}

export interface Peers<E> {
  readonly admission: Layer.Layer<Admission, E, Csprng | Keystore | NodeConfig | Telemetry>
  readonly address: PeerAddressLive.Options
}

/** Only loopback addresses, as for clients. */
export const peersOf = Effect.fnUntraced(function* (flags: PeerFlags) {
  const { bootstrap: list, hasKek, join: target, nodeName: own, peerListen } = flags
  const given = peerListen && (yield* RpcServerSocket.requireLoopback(peerListen))
  if (list !== undefined && target !== undefined) return yield* new TwoWaysIntoCluster()
  if (list !== undefined) {
    const listed = yield* listedOf(list, own)
    if (given !== undefined && Endpoint.format(given) !== Endpoint.format(listed)) {
      const [asked, known] = [given, listed].map(Endpoint.format) as [string, string]
      return yield* new PeerListenNotListed({ given: asked, listed: known })
    }
    const admission = AdmissionBootstrap.layer({ list, own, hasKek })
    return { admission, address: { given, listed } }
  }
  if (target === undefined) {
    return { admission: AdmissionAlone.layer({ address: given }), address: { given } }
  }
  if (given === undefined) return yield* new PeerListenMissing()
  const dialled = Endpoint.toBind(target)
  if (Endpoint.format(dialled) === Endpoint.format(given)) return yield* new JoinOfItself()
  const admission = AdmissionJoin.layer({ target: dialled, address: given, hasKek })
  return { admission, address: { given } }
})

const listedOf = Effect.fnUntraced(function* (list: BootstrapList.BootstrapList, own: NodeName) {
  const refusal = BootstrapList.refusalOf(list, own)
  const listed = list.find(({ nodeName }) => nodeName === own)
  if (refusal !== undefined || listed === undefined) return yield* refusal!
  return yield* RpcServerSocket.requireLoopback(listed.address)
})
