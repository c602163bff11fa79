/**
 * A member of the group as the replicated state knows it (SPEC §3, §15): who may call itself by this
 * number, and where it is reached.
 *
 * What must never happen here: two spellings of one member, because replicas compare their states byte
 * by byte. Proof: `test/domain/members/MembersRecord.test.ts`.
 *
 * Shape: `memberId(8) ‖ nodeNameLength(1) ‖ nodeName ‖ incarnation(16) ‖ addressLength(1) ‖ address`.
 */
import * as Endpoint from "../api/Endpoint.ts"
import type { ByteReader } from "../bytes/ByteReader.ts"
import type { ByteWriter } from "../bytes/ByteWriter.ts"
import * as WriterIdentity from "../encryption/WriterIdentity.ts"
import type { MemberId } from "../Ids.ts"

/** A node that was wiped is another one, whatever its name: it has another incarnation. */
export interface Member extends WriterIdentity.WriterIdentity {
  readonly id: MemberId
  /** Where its peers reach it; `undefined` of a node that was founded alone and listens to none. */
  readonly address: Endpoint.Endpoint | undefined
}

/** Bytes of an address as text. */
export const addressBytesMax = 255

/** The smallest one encoded. */
export const bytesMin = 8 + WriterIdentity.bytesMin + 1

const addressText = ({ address }: Member): string =>
  address === undefined ? "" : Endpoint.format(address)

export const bytesOf = (member: Member): number =>
  9 + WriterIdentity.bytesOf(member) + addressText(member).length

/** Writes {@link bytesOf} bytes. */
export const write = (writer: ByteWriter, member: Member): ByteWriter => {
  const address = addressText(member)
  return WriterIdentity.write(writer.u64(member.id), member).u8(address.length).ascii(address)
}

/** Refuses an address that is not spelled as {@link write} spells it. */
export function read(reader: ByteReader): Member {
  const id = reader.within("u64", 1, Number.MAX_SAFE_INTEGER) as MemberId
  const { incarnation, nodeName } = WriterIdentity.read(reader)
  const text = reader.block("u8", 0, addressBytesMax).toString("latin1")
  const address = text === "" ? undefined : Endpoint.parse(text)
  const isSpelledSo = address !== undefined && Endpoint.format(address) === text
  if (text !== "" && !isSpelledSo) reader.refuse("notCanonical")
  return { id, nodeName, incarnation, address }
}

/** Is it that member, in every particular? */
export const equals = (a: Member, b: Member): boolean =>
  a.id === b.id && WriterIdentity.equals(a, b) && addressText(a) === addressText(b)
