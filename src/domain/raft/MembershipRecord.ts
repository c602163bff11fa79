/**
 * The bytes of a configuration: in a snapshot, and in the message that announces one (SPEC §15, §16).
 *
 * What must never happen here: a configuration that breaks an invariant of {@link Membership} let
 * through, or two spellings of one. Proof: `test/domain/peer/PeerMessages.test.ts`.
 *
 * Shape: `version 0x01 ‖ autoLeave(1)`, then voters, outgoing voters, learners and next learners, each
 * `count(2)` and ascending `memberId(8)`.
 */
import { ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { MemberId } from "../Ids.ts"
import * as Membership from "./Membership.ts"

const version = 0x01

export const bytesOf = (membership: Membership.Membership): number =>
  listsOf(membership).reduce((size, list) => size + 2 + 8 * list.length, 2)

/** Writes {@link bytesOf} bytes. */
export function write(writer: ByteWriter, membership: Membership.Membership): ByteWriter {
  writer.u8(version).u8(membership.autoLeave ? 1 : 0)
  for (const list of listsOf(membership)) {
    writer.u16(list.length)
    for (const id of list) writer.u64(id)
  }
  return writer
}

export const encode = (membership: Membership.Membership): Buffer =>
  write(ByteWriter.allocate(bytesOf(membership)), membership).done()

export function decode(bytes: Uint8Array): Decoded<Membership.Membership> {
  const reader = new ByteReader("configuration", bytes)
  return reader.end(read(reader))
}

/** Refuses what {@link Membership} does not allow. */
export function read(reader: ByteReader): Membership.Membership {
  reader.version(version)
  const autoLeave = reader.choice(0, 1, "unknownFlag") === 1
  const voters = readList(reader)
  const votersOutgoing = readList(reader)
  const learners = readList(reader)
  const learnersNext = readList(reader)
  const membership = { voters, votersOutgoing, learners, learnersNext, autoLeave }
  if (!isConsistent(membership)) reader.refuse("outOfRange")
  return membership
}

const listsOf = ({
  learners,
  learnersNext,
  voters,
  votersOutgoing
}: Membership.Membership): ReadonlyArray<ReadonlyArray<MemberId>> => [
  voters,
  votersOutgoing,
  learners,
  learnersNext
]

function readList(reader: ByteReader): ReadonlyArray<MemberId> {
  const count = reader.count("u16", 8)
  const ids: Array<MemberId> = []
  for (let at = 0; at < count; at++) {
    const id = reader.within("u64", 1, Number.MAX_SAFE_INTEGER) as MemberId
    if (id <= (ids.at(-1) ?? 0)) reader.refuse("notCanonical")
    ids.push(id)
  }
  return ids
}

function isConsistent(membership: Membership.Membership): boolean {
  const { autoLeave, learners, learnersNext, voters, votersOutgoing } = membership
  const isJoint = Membership.isJoint(membership)
  return (
    learners.every((id) => !Membership.isVoter(membership, id)) &&
    learnersNext.every((id) => votersOutgoing.includes(id) && !voters.includes(id)) &&
    (isJoint || (learnersNext.length === 0 && !autoLeave))
  )
}
