/**
 * The peers of one transport as they are now: who may be heard, the connections each way, and who takes
 * what arrives.
 *
 * Beside the peers it is told of it has *newcomers*: members that were added after this node's
 * configuration was made. They are heard and answered while they keep their connection; this is how a
 * node that was away long, or has no configuration yet, catches up. What must never happen here: a
 * removed member that is heard again, a newcomer that outlives its connection.
 * Proof: `test/contracts/Transport.ts`, `test/layers/TransportSocket.test.ts`.
 */
import * as Endpoint from "../domain/api/Endpoint.ts"
import type { MemberId } from "../domain/Ids.ts"
import type { PeerRefused } from "../domain/peer/Errors.ts"
import type { Node } from "../domain/peer/Handshake.ts"
import type { Connection, Known, Peer, Receiver } from "../services/Transport.ts"
import type { PeerSender } from "./PeerSender.ts"
import type { PeerSocket } from "./PeerSocket.ts"

/** A fibre that dials one peer. */
export interface RunningSender {
  readonly sender: PeerSender
  readonly stop: () => void
}

interface Entry extends RunningSender {
  readonly isNewcomer: boolean
}

/** More are not heard: a leader, and the candidates of an election. */
const newcomersMax = 8

const isSame = (a: Peer, b: Peer): boolean =>
  a.nodeName === b.nodeName &&
  a.incarnation === b.incarnation &&
  Endpoint.format(a.address) === Endpoint.format(b.address)

/** Mutable: one per transport. */
export class PeerTable {
  receiver: Receiver | undefined = undefined
  private readonly start: (peer: Peer) => RunningSender
  private readonly entries = new Map<MemberId, Entry>()
  private readonly inbound = new Map<MemberId, PeerSocket>()
  private readonly receivedBefore = new Map<MemberId, number>()
  /** Strangers are one, under `undefined`: they choose their ids. */
  private readonly told = new Map<MemberId | undefined, Set<PeerRefused["reason"]>>()
  private nextMemberId: number | undefined = undefined

  constructor(start: (peer: Peer) => RunningSender) {
    this.start = start
  }

  /** Has it been told whom to hear? Before that nobody can be judged. */
  get isReady(): boolean {
    return this.nextMemberId !== undefined
  }

  peerOf(id: MemberId): Peer | undefined {
    return this.entries.get(id)?.sender.peer
  }

  senderOf(id: MemberId): PeerSender | undefined {
    return this.entries.get(id)?.sender
  }

  isNewer(id: MemberId): boolean {
    const newcomers = [...this.entries.values()].filter(({ isNewcomer }) => isNewcomer)
    return this.nextMemberId !== undefined && id >= this.nextMemberId
      ? newcomers.length < newcomersMax
      : false
  }

  setPeers(wanted: ReadonlyArray<Peer>, { nextMemberId }: Known): void {
    const byId = new Map(wanted.map((peer) => [peer.id, peer]))
    this.nextMemberId = nextMemberId
    for (const [id, entry] of this.entries) {
      const peer = byId.get(id)
      const isStillNewer = peer === undefined && entry.isNewcomer && id >= nextMemberId
      if (isStillNewer) continue
      if (peer === undefined || !isSame(peer, entry.sender.peer)) this.remove(id)
      else this.entries.set(id, { ...entry, isNewcomer: false })
    }
    for (const peer of wanted) {
      if (this.entries.has(peer.id)) continue
      this.entries.set(peer.id, { ...this.start(peer), isNewcomer: false })
    }
  }

  /** The newest connection of a peer counts: an older one is a leftover. */
  admit({ address, incarnation, memberId, nodeName }: Node, socket: PeerSocket): void {
    this.inbound.get(memberId)?.destroy()
    this.inbound.set(memberId, socket)
    this.told.delete(memberId)
    const reachedAt = Endpoint.parse(address)
    if (reachedAt === undefined) return
    const peer = { id: memberId, nodeName, incarnation, address: reachedAt }
    const entry = this.entries.get(memberId)
    if (entry !== undefined && (!entry.isNewcomer || isSame(peer, entry.sender.peer))) return
    entry?.stop()
    this.entries.set(memberId, { ...this.start(peer), isNewcomer: true })
  }

  leave(peer: MemberId, socket: PeerSocket): void {
    const isPeer = this.entries.has(peer)
    if (isPeer) this.receivedBefore.set(peer, this.receivedOf(peer, socket))
    if (this.inbound.get(peer) !== socket) return
    this.inbound.delete(peer)
    if (this.entries.get(peer)?.isNewcomer === true) this.remove(peer)
  }

  /** Is this the first refusal of the peer for this reason? */
  isNews({ memberId, reason }: PeerRefused): boolean {
    const peer = this.entries.has(memberId as MemberId) ? (memberId as MemberId) : undefined
    const told = this.told.get(peer) ?? new Set()
    const isNews = !told.has(reason)
    this.told.set(peer, told.add(reason))
    return isNews
  }

  connections(): ReadonlyArray<Connection> {
    return [...this.entries].map(([peer, { sender }]) => ({
      ...sender.connection(),
      bytesReceived: this.receivedOf(peer, this.inbound.get(peer))
    }))
  }

  private receivedOf(peer: MemberId, socket: PeerSocket | undefined): number {
    return (this.receivedBefore.get(peer) ?? 0) + (socket?.bytesReceived ?? 0)
  }

  /** Of a peer that is no longer one, or that is another one now. */
  private remove(peer: MemberId): void {
    this.entries.get(peer)?.stop()
    this.entries.delete(peer)
    this.inbound.get(peer)?.destroy()
    this.told.delete(peer)
    this.receivedBefore.delete(peer)
  }
}
