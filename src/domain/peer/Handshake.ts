/**
 * How two nodes find out that they may talk: who each is, and why one refuses the other (SPEC §3, §9).
 *
 * The node that dials says hello and is answered with a welcome or a refusal; both sides judge. What
 * must never happen: a node of another cluster, a wiped directory under an old name, or a disk that was
 * rolled back let in, because its votes and acknowledgements would count.
 * Proof: `Handshake.test.ts`.
 *
 * Shapes:
 * - hello `"SEALOGP" ‖ version(1) 0x01 ‖ clusterId(16) ‖ groupId(2) ‖ to(8)` ‖ node
 * - welcome: the same, the other way
 * - refusal `reason(1) ‖ length(2) ‖ UTF-8`
 * - node `memberId(8) ‖ nameLength(1) ‖ nodeName ‖ incarnation(16) ‖ bootCount(8) ‖ openingId(16) ‖
 *   endpointLength(1) ‖ endpoint ‖ addressLength(1) ‖ address`
 */
import * as Result from "effect/Result"
import { ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { ClusterId, GroupId, Incarnation, MemberId, NodeName, OpeningId } from "../Ids.ts"
import { PeerRefused, type PeerRefusedReason } from "./Errors.ts"

/** A node as it presents itself. */
export interface Node {
  readonly memberId: MemberId
  readonly nodeName: NodeName
  readonly incarnation: Incarnation
  readonly bootCount: number
  readonly openingId: OpeningId
  /** `HOST:PORT` at which it serves clients; empty if it serves none. */
  readonly endpoint: string
  /** `HOST:PORT` at which peers reach it: for those who do not know it as a member yet. */
  readonly address: string
}

/** The first frame each way. */
export interface Greeting {
  readonly clusterId: ClusterId
  readonly groupId: GroupId
  readonly node: Node
  /** Whom the sender takes the receiver for. */
  readonly to: MemberId
}

/** The newest opening that was seen of an incarnation. */
export interface SeenOpening {
  readonly bootCount: number
  readonly openingId: OpeningId
}

/** What a node judges a greeting by. */
export interface Local {
  readonly clusterId: ClusterId
  readonly groupId: GroupId
  readonly memberId: MemberId
  /** The member of this id as the configuration knows it; the incarnation once it is known. */
  readonly memberOf: (
    id: MemberId
  ) => { readonly nodeName: NodeName; readonly incarnation: Incarnation | undefined } | undefined
  /** Was this id not given yet when this node's configuration was made? Then it is a newer member. */
  readonly isNewer: (id: MemberId) => boolean
  /** As kept durably; what is judged welcome must be kept before anything else is answered. */
  readonly seenOf: (incarnation: Incarnation) => SeenOpening | undefined
}

const magic = "SEALOGP"
const version = 0x01
/** A longer name is not one. */
const nameBytesMax = 64
const endpointBytesMax = 255

/** Of a greeting; a receiver takes nothing longer before it knows the sender. */
export const bytesMax = magic.length + 1 + 26 + 8 + 1 + nameBytesMax + 42 + 2 * endpointBytesMax

/** Why the sender of this greeting is not to be talked to; `undefined` if it may be. */
export function refusalOf(greeting: Greeting, local: Local): PeerRefused | undefined {
  const { clusterId, groupId, node, to } = greeting
  const refused = (reason: PeerRefusedReason) =>
    new PeerRefused({ reason, peer: node.nodeName, memberId: node.memberId })
  if (clusterId !== local.clusterId) return refused("otherCluster")
  if (groupId !== local.groupId) return refused("otherGroup")
  if (to !== local.memberId) return refused("notThatMember")
  const member = local.memberOf(node.memberId)
  const isNewer = local.isNewer(node.memberId) && node.memberId !== local.memberId
  if (member === undefined && !isNewer) return refused("notAMember")
  if (member !== undefined && member.nodeName !== node.nodeName) return refused("otherName")
  const incarnation = member?.incarnation
  if (incarnation !== undefined && incarnation !== node.incarnation) {
    return refused("otherIncarnation")
  }
  const seen = local.seenOf(node.incarnation)
  if (seen === undefined || node.bootCount > seen.bootCount) return undefined
  const isSame = node.bootCount === seen.bootCount && node.openingId === seen.openingId
  return isSame ? undefined : refused("diskRolledBack")
}

export function encode({ clusterId, groupId, node, to }: Greeting): Buffer {
  const name = Buffer.from(node.nodeName, "latin1")
  const { address, endpoint } = node
  const textBytes = name.length + endpoint.length + address.length
  return ByteWriter.allocate(magic.length + 1 + 26 + 8 + 1 + 42 + textBytes)
    .ascii(magic)
    .u8(version)
    .hex128(clusterId)
    .u16(groupId)
    .u64(to)
    .u64(node.memberId)
    .u8(name.length)
    .bytes(name)
    .hex128(node.incarnation)
    .u64(node.bootCount)
    .hex128(node.openingId)
    .u8(endpoint.length)
    .ascii(endpoint)
    .u8(address.length)
    .ascii(address)
    .done()
}

/** Another version of the protocol is `unknownVersion`. */
export function decode(bytes: Uint8Array): Decoded<Greeting> {
  const reader = new ByteReader("greeting of a peer", bytes)
  if (reader.bytes(magic.length).toString("latin1") !== magic) reader.refuse("unknownTag")
  reader.version(version)
  const clusterId = reader.hex128() as ClusterId
  const groupId = reader.u16() as GroupId
  const to = readMember(reader)
  const memberId = readMember(reader)
  const nodeName = reader.block("u8", 1, nameBytesMax).toString("latin1") as NodeName
  if (!/^[A-Za-z0-9_.-]*$/.test(nodeName)) reader.refuse("outOfRange")
  const incarnation = reader.hex128() as Incarnation
  const bootCount = reader.within("u64", 1, Number.MAX_SAFE_INTEGER)
  const openingId = reader.hex128() as OpeningId
  const endpoint = readEndpoint(reader)
  const address = readEndpoint(reader)
  const node = { memberId, nodeName, incarnation, bootCount, openingId, endpoint, address }
  return reader.end({ clusterId, groupId, node, to })
}

function readEndpoint(reader: ByteReader): string {
  const text = reader.block("u8", 0, endpointBytesMax).toString("latin1")
  if (!/^[!-~]*$/.test(text)) reader.refuse("outOfRange")
  return text
}

const readMember = (reader: ByteReader): MemberId =>
  reader.within("u64", 1, Number.MAX_SAFE_INTEGER) as MemberId

const reasons: ReadonlyArray<PeerRefusedReason> = PeerRefused.fields.reason.literals

/** What the refused one is told: why, and by whom. */
export function encodeRefusal({ memberId, peer, reason }: PeerRefused): Buffer {
  const name = Buffer.from(peer, "latin1")
  return ByteWriter.allocate(10 + name.length)
    .u8(reasons.indexOf(reason))
    .u64(memberId)
    .u8(name.length)
    .bytes(name)
    .done()
}

export function decodeRefusal(bytes: Uint8Array): Decoded<PeerRefused> {
  const reader = new ByteReader("refusal of a peer", bytes)
  const reason = reasons[reader.choice(0, reasons.length - 1, "unknownTag")]!
  const memberId = reader.u64()
  const peer = reader.block("u8", 0, nameBytesMax).toString("latin1")
  return Result.map(reader.end({ reason, memberId, peer }), (fields) => new PeerRefused(fields))
}
