/**
 * What a node is told that has introduced itself (SPEC §3, §15).
 *
 * Proof: `AdmissionAnswer.test.ts`.
 *
 * Shape: `"SEALOGA" ‖ version(1) 0x01 ‖ tag(1)`, then
 * - 1 admitted: `clusterId(16) ‖ memberId(8)`
 * - 2 waiting: `addressLength(1) ‖ address` of the leader's peer port, empty if it is not known
 * - 3 refused: `reason(1)`
 */
import * as Endpoint from "../api/Endpoint.ts"
import { ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { ClusterId, MemberId } from "../Ids.ts"

/** What is wrong and what to do; said of the node that introduced itself. */
export const refusals = {
  protocolUnknown: "it speaks another version of the protocol; run releases that know each other",
  otherBootstrapList:
    "its --bootstrap list is another one; give every node the same list, in the same order",
  nameTaken:
    "a node of that name, with another data directory, is a member; if that directory is lost, `member remove` the name first, then start this node with --join and `member add` it",
  directoryCopied: "its data directory is a copy of another node's; give it an empty one",
  foundedWithout: "the cluster was founded without it; start it with --join, and `member add` it"
} as const

export type AdmissionRefusedReason = keyof typeof refusals

/** The byte of a reason is its place. */
export const reasons = Object.keys(refusals) as ReadonlyArray<AdmissionRefusedReason>

export type AdmissionAnswer =
  | { readonly _tag: "Admitted"; readonly clusterId: ClusterId; readonly memberId: MemberId }
  /** Not yet a member. The leader is the one to ask, if it is known. */
  | { readonly _tag: "Waiting"; readonly leader: Endpoint.Endpoint | undefined }
  /** Waiting does not help. */
  | { readonly _tag: "Refused"; readonly reason: AdmissionRefusedReason }

const magic = "SEALOGA"
const version = 0x01
const addressBytesMax = 255

export function encode(answer: AdmissionAnswer): Buffer {
  const begin = (bytes: number, tag: number) =>
    ByteWriter.allocate(magic.length + 2 + bytes)
      .ascii(magic)
      .u8(version)
      .u8(tag)
  switch (answer._tag) {
    case "Admitted":
      return begin(24, 1).hex128(answer.clusterId).u64(answer.memberId).done()
    case "Waiting": {
      const address = answer.leader === undefined ? "" : Endpoint.format(answer.leader)
      return begin(1 + address.length, 2)
        .u8(address.length)
        .ascii(address)
        .done()
    }
    case "Refused":
      return begin(1, 3).u8(reasons.indexOf(answer.reason)).done()
  }
}

/** Another version of the protocol is `unknownVersion`. */
export function decode(bytes: Uint8Array): Decoded<AdmissionAnswer> {
  const reader = new ByteReader("admission", bytes)
  if (reader.bytes(magic.length).toString("latin1") !== magic) reader.refuse("unknownTag")
  reader.version(version)
  return reader.end(readAnswer(reader))
}

function readAnswer(reader: ByteReader): AdmissionAnswer {
  switch (reader.choice(1, 3, "unknownTag")) {
    case 1: {
      const clusterId = reader.hex128() as ClusterId
      const memberId = reader.within("u64", 1, Number.MAX_SAFE_INTEGER) as MemberId
      return { _tag: "Admitted", clusterId, memberId }
    }
    case 2:
      return { _tag: "Waiting", leader: readAddress(reader) }
    default: {
      const reason = reasons[reader.choice(0, reasons.length - 1, "unknownTag")]!
      return { _tag: "Refused", reason }
    }
  }
}

function readAddress(reader: ByteReader): Endpoint.Endpoint | undefined {
  const text = reader.block("u8", 0, addressBytesMax).toString("latin1")
  if (text === "") return undefined
  const address = Endpoint.parse(text)
  const isSpelledSo = address !== undefined && Endpoint.format(address) === text
  if (!isSpelledSo || address.port === 0) reader.refuse("outOfRange")
  return address
}
