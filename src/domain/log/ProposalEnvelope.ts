/**
 * What the data of a normal entry begins with: how the answer finds its caller (SPEC §7).
 *
 * Why it exists: the proposal id must be readable before anything is opened. The raft envelope wraps
 * the **body**, inside this envelope; one that wrapped the whole entry would hide the id, and every
 * write would time out. Proof: `ProposalEnvelope.test.ts`.
 *
 * Shape: `0x01 ‖ proposalId(8) ‖ body`; the body is a payload or a raft envelope, and only the index
 * says which (SPEC §11).
 */
import { asBuffer, ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { ProposalId } from "../Ids.ts"

/** The two parts; which kind of body it is, only the index says. */
export interface ProposalEnvelope {
  readonly proposalId: ProposalId
  readonly body: Uint8Array
}

/** Bytes before the body. */
export const headerBytes = 9

const version = 0x01

/** `body.length + 9` bytes. */
export const encode = ({ proposalId, body }: ProposalEnvelope): Buffer =>
  ByteWriter.allocate(headerBytes + body.length)
    .u8(version)
    .u64BigInt(proposalId)
    .bytes(body)
    .done()

/**
 * An envelope whose body of `bodyBytes` bytes the caller writes from {@link headerBytes} on (for
 * sealing in place: one allocation for the whole entry). Until then the body is undefined memory.
 */
export function allocate(proposalId: ProposalId, bodyBytes: number): Buffer {
  const envelope = Buffer.allocUnsafe(headerBytes + bodyBytes)
  ByteWriter.within(envelope, 0, headerBytes).u8(version).u64BigInt(proposalId).done()
  return envelope
}

/** The body is a view of `data`. */
export function decode(data: Uint8Array): Decoded<ProposalEnvelope> {
  const reader = new ByteReader("proposal envelope", data)
  reader.version(version)
  const proposalId = reader.u64BigInt()
  return reader.end({ proposalId, body: reader.rest() })
}

/** The id alone, without an allocation for the rest; `undefined` if `data` is no envelope. */
export const proposalIdOf = (data: Uint8Array): ProposalId | undefined =>
  isEnvelope(data) ? asBuffer(data).readBigUInt64BE(1) : undefined

/** The body alone, a view of `data`; `undefined` if `data` is no envelope. */
export const bodyOf = (data: Uint8Array): Uint8Array | undefined =>
  isEnvelope(data) ? data.subarray(headerBytes) : undefined

const isEnvelope = (data: Uint8Array): boolean => data.length >= headerBytes && data[0] === version
