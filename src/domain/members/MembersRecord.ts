/**
 * The bytes of the members: records of the table `members`, and so a part of every snapshot
 * (SPEC §8, §16).
 *
 * One record for the configuration and one per member, because most changes touch one member.
 * What must never happen here: a member whose record is lost taken for one that never was.
 * Proof: `test/domain/members/MembersRecord.test.ts`.
 *
 * Shapes: key `0x00` → `version 0x01 ‖ nextMemberId(8)` ‖ configuration (`MembershipRecord`);
 * key `0x01 ‖ memberId(8)` → `version 0x01` ‖ member (`Member`). Each is a {@link Record}, checksummed
 * together with its key.
 */
import * as Result from "effect/Result"
import { asBuffer, ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { GroupId, MemberId } from "../Ids.ts"
import type { RecordCorrupted } from "../log/Errors.ts"
import * as Record from "../log/Record.ts"
import * as Membership from "../raft/Membership.ts"
import * as MembershipRecord from "../raft/MembershipRecord.ts"
import type { Change } from "../state/Changes.ts"
import type { Row } from "../state/StateTransaction.ts"
import * as Member from "./Member.ts"
import * as Members from "./Members.ts"

const version = 0x01
const configurationKey = Buffer.from([0x00])
const memberPrefix = 0x01

const keyOf = (id: MemberId): Buffer => ByteWriter.allocate(9).u8(memberPrefix).u64(id).done()

/** The changes that make a table of `before` one of `after`. */
export function changed(
  groupId: GroupId,
  before: Members.Members,
  after: Members.Members
): ReadonlyArray<Change> {
  const changes: Array<Change> = [
    { key: configurationKey, value: configurationRecord(groupId, after) }
  ]
  for (const id of before.byId.keys()) {
    if (!after.byId.has(id)) changes.push({ key: keyOf(id), value: undefined })
  }
  for (const [id, member] of after.byId) {
    const known = before.byId.get(id)
    if (known !== undefined && Member.equals(known, member)) continue
    changes.push({ key: keyOf(id), value: memberRecord(groupId, member) })
  }
  return changes
}

/** The whole table, ascending; nothing at all is the state before the founding. */
export function decodeTable(
  groupId: GroupId,
  rows: ReadonlyArray<Row>
): Result.Result<Members.Members, RecordCorrupted> {
  const [first, ...others] = rows
  if (first === undefined) return Result.succeed(Members.empty)
  if (!asBuffer(first.key).equals(configurationKey)) return missing(groupId)
  return Result.gen(function* () {
    const { configuration, nextMemberId } = yield* Record.decodeAs(
      identityOf(groupId, first.key),
      first.value,
      decodeConfiguration
    )
    const byId = new Map<MemberId, Member.Member>()
    for (const { key, value } of others) {
      const member = yield* Record.decodeAs(identityOf(groupId, key), value, decodeMember)
      if (!keyOf(member.id).equals(key)) yield* misplaced(groupId, key)
      byId.set(member.id, member)
    }
    const ids = Membership.allMembers(configuration)
    const isWhole = ids.length === byId.size && ids.every((id) => byId.has(id) && id < nextMemberId)
    return isWhole ? { configuration, byId, nextMemberId } : yield* missing(groupId)
  })
}

function configurationRecord(groupId: GroupId, members: Members.Members): Buffer {
  const { configuration, nextMemberId } = members
  const writer = ByteWriter.allocate(9 + MembershipRecord.bytesOf(configuration))
  const body = MembershipRecord.write(writer.u8(version).u64(nextMemberId), configuration).done()
  return Record.encode(identityOf(groupId, configurationKey), body)
}

function decodeConfiguration(
  body: Uint8Array
): Decoded<Pick<Members.Members, "configuration" | "nextMemberId">> {
  const reader = new ByteReader("configuration record", body)
  reader.version(version)
  const nextMemberId = reader.within("u64", 1, Number.MAX_SAFE_INTEGER) as MemberId
  return reader.end({ nextMemberId, configuration: MembershipRecord.read(reader) })
}

function memberRecord(groupId: GroupId, member: Member.Member): Buffer {
  const writer = ByteWriter.allocate(1 + Member.bytesOf(member)).u8(version)
  return Record.encode(identityOf(groupId, keyOf(member.id)), Member.write(writer, member).done())
}

function decodeMember(body: Uint8Array): Decoded<Member.Member> {
  const reader = new ByteReader("member record", body)
  reader.version(version)
  return reader.end(Member.read(reader))
}

/** A member under the key of another: only one spelling of a table is one. */
const misplaced = (groupId: GroupId, key: Uint8Array) =>
  Record.corrupted(identityOf(groupId, key), "malformed")

const missing = (groupId: GroupId) => Record.corrupted({ label: "members", groupId }, "missing")

const identityOf = (groupId: GroupId, key: Uint8Array): Record.Identity => ({
  label: `members/${asBuffer(key).toString("hex")}`,
  groupId
})
