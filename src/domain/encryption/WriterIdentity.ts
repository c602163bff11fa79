/**
 * Who produces nonces: a node in one incarnation (SPEC §3, §6), and how formats spell it.
 *
 * Shape: `length(1) ‖ nodeName ‖ incarnation(16)`. Proof: `Registration.test.ts`.
 */
import type { ByteReader } from "../bytes/ByteReader.ts"
import type { ByteWriter } from "../bytes/ByteWriter.ts"
import type { Incarnation, NodeName } from "../Ids.ts"
import * as Limits from "../Limits.ts"

/** A wiped node that returns under its name is another writer. */
export interface WriterIdentity {
  readonly nodeName: NodeName
  readonly incarnation: Incarnation
}

/** The smallest: a name of one character. */
export const bytesMin = 18

/** Are they one writer? */
export const equals = (a: WriterIdentity, b: WriterIdentity): boolean =>
  a.nodeName === b.nodeName && a.incarnation === b.incarnation

/** Bytes that {@link write} writes. */
export const bytesOf = ({ nodeName }: WriterIdentity): number => 17 + nodeName.length

/** Writes name and incarnation. */
export const write = (writer: ByteWriter, { incarnation, nodeName }: WriterIdentity): ByteWriter =>
  writer.u8(nodeName.length).ascii(nodeName).hex128(incarnation)

/** Refuses a name that the operator could not have chosen as `outOfRange`. */
export function read(reader: ByteReader): WriterIdentity {
  const name = reader.block("u8", 1, Limits.nodeNameBytesMax).toString("latin1")
  if (!/^[A-Za-z0-9_.-]*$/.test(name)) reader.refuse("outOfRange")
  const incarnation = reader.hex128() as Incarnation
  return { nodeName: name as NodeName, incarnation }
}
