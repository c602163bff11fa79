/**
 * What a node that belongs to no cluster yet says of itself to one that may take it in (SPEC §3, §15).
 *
 * It comes before anybody knows the sender, so a receiver takes nothing longer than {@link bytesMax} and
 * believes none of it: the name and the address become true when an operator names them in a list or in
 * `member add`. Proof: `Introduction.test.ts`.
 *
 * Shape: `"SEALOGI" ‖ version(1) 0x01 ‖ nameLength(1) ‖ nodeName ‖ incarnation(16) ‖ addressLength(1) ‖
 * address ‖ listDigest(16) ‖ flags(1) ‖ versionLength(1) ‖ softwareVersion`; bit 0 of the flags: it has a
 * KEK. The digest is that of its bootstrap list, zero if it joins.
 */
import * as Endpoint from "../api/Endpoint.ts"
import { ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { Incarnation, NodeName } from "../Ids.ts"
import * as Limits from "../Limits.ts"

export interface Introduction {
  readonly nodeName: NodeName
  readonly incarnation: Incarnation
  /** Where its peers will reach it. */
  readonly address: Endpoint.Endpoint
  /** Of the list that it was started with, 32 hex digits; `undefined` of one that joins. */
  readonly listDigest: string | undefined
  readonly hasKek: boolean
  readonly softwareVersion: string
}

const magic = "SEALOGI"
const version = 0x01
const addressBytesMax = 255
const versionBytesMax = 64
const noDigest = "0".repeat(32)
const kekFlag = 1

/** A receiver takes nothing longer before it knows the sender. */
export const bytesMax =
  magic.length +
  1 +
  1 +
  Limits.nodeNameBytesMax +
  16 +
  1 +
  addressBytesMax +
  16 +
  2 +
  versionBytesMax

export function encode(introduction: Introduction): Buffer {
  const { hasKek, incarnation, listDigest, nodeName, softwareVersion } = introduction
  const address = Endpoint.format(introduction.address)
  const textBytes = nodeName.length + address.length + softwareVersion.length
  return ByteWriter.allocate(magic.length + 37 + textBytes)
    .ascii(magic)
    .u8(version)
    .u8(nodeName.length)
    .ascii(nodeName)
    .hex128(incarnation)
    .u8(address.length)
    .ascii(address)
    .hex128(listDigest ?? noDigest)
    .u8(hasKek ? kekFlag : 0)
    .u8(softwareVersion.length)
    .ascii(softwareVersion)
    .done()
}

/** Another version of the protocol is `unknownVersion`. */
export function decode(bytes: Uint8Array): Decoded<Introduction> {
  const reader = new ByteReader("introduction of a node", bytes)
  if (reader.bytes(magic.length).toString("latin1") !== magic) reader.refuse("unknownTag")
  reader.version(version)
  const nodeName = reader.block("u8", 1, Limits.nodeNameBytesMax).toString("latin1") as NodeName
  if (!/^[A-Za-z0-9_.-]*$/.test(nodeName)) reader.refuse("outOfRange")
  const incarnation = reader.hex128() as Incarnation
  const address = readAddress(reader)
  const digest = reader.hex128()
  const hasKek = reader.choice(0, kekFlag, "unknownFlag") === kekFlag
  const softwareVersion = reader.block("u8", 1, versionBytesMax).toString("latin1")
  if (!/^[!-~]*$/.test(softwareVersion)) reader.refuse("outOfRange")
  const listDigest = digest === noDigest ? undefined : digest
  return reader.end({ nodeName, incarnation, address, listDigest, hasKek, softwareVersion })
}

/** One that can be dialled, spelled as `Endpoint.format` spells it. */
function readAddress(reader: ByteReader): Endpoint.Endpoint {
  const text = reader.block("u8", 1, addressBytesMax).toString("latin1")
  const address = Endpoint.parse(text)
  const isSpelledSo = address !== undefined && Endpoint.format(address) === text
  if (!isSpelledSo || address.port === 0) reader.refuse("outOfRange")
  return address ?? { host: "", port: 0 }
}
