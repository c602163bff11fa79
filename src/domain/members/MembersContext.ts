/**
 * Who the members are that a change of the membership adds or updates: the context of its entry
 * (SPEC §15). The core carries it and does not look at it.
 *
 * Shape: nothing at all if it describes nobody; else `version 0x01 ‖ count(2)`, then each member
 * (`Member`), ascending by id. Proof: `test/domain/members/MembersRecord.test.ts`.
 */
import * as Result from "effect/Result"
import { ByteReader } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import * as Member from "./Member.ts"

const version = 0x01

export function encode(members: ReadonlyArray<Member.Member>): Uint8Array {
  if (members.length === 0) return new Uint8Array(0)
  const size = members.reduce((bytes, member) => bytes + Member.bytesOf(member), 3)
  const writer = ByteWriter.allocate(size).u8(version).u16(members.length)
  for (const member of members.toSorted((a, b) => a.id - b.id)) Member.write(writer, member)
  return writer.done()
}

/** `undefined` if these bytes describe no members. */
export function decode(bytes: Uint8Array): ReadonlyArray<Member.Member> | undefined {
  if (bytes.length === 0) return []
  const reader = new ByteReader("members of a change", bytes)
  reader.version(version)
  const members: Array<Member.Member> = []
  for (let left = reader.count("u16", Member.bytesMin); left > 0 && !reader.isRefused; left--) {
    const member = Member.read(reader)
    if (member.id <= (members.at(-1)?.id ?? 0)) reader.refuse("notCanonical")
    members.push(member)
  }
  if (members.length === 0) reader.refuse("notCanonical")
  return Result.getOrUndefined(reader.end(members))
}
