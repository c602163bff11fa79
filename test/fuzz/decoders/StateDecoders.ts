/** The tables of the state, changes of the members, and what is sealed (SPEC §4, §5, §8, §15). */
import * as Result from "effect/Result"
import * as Command from "../../../src/domain/encryption/Command.ts"
import { DataKey, KeyEncryptionKey } from "../../../src/domain/encryption/DataKey.ts"
import * as Nonce from "../../../src/domain/encryption/Nonce.ts"
import * as RaftEnvelope from "../../../src/domain/encryption/RaftEnvelope.ts"
import * as SidecarRecord from "../../../src/domain/encryption/SidecarRecord.ts"
import type { SidecarState } from "../../../src/domain/encryption/SidecarState.ts"
import * as StorageEnvelope from "../../../src/domain/encryption/StorageEnvelope.ts"
import * as WrappedDek from "../../../src/domain/encryption/WrappedDek.ts"
import * as WriterRecord from "../../../src/domain/encryption/WriterRecord.ts"
import * as WriterRegistry from "../../../src/domain/encryption/WriterRegistry.ts"
import type {
  ClusterId,
  KeyId,
  LocalEpoch,
  LogIndex,
  MemberId,
  OpeningId,
  Revision,
  Term,
  WriterId
} from "../../../src/domain/Ids.ts"
import type { SessionId } from "../../../src/domain/log/Request.ts"
import * as Members from "../../../src/domain/members/Members.ts"
import * as MembersContext from "../../../src/domain/members/MembersContext.ts"
import * as MembersRecord from "../../../src/domain/members/MembersRecord.ts"
import * as Membership from "../../../src/domain/raft/Membership.ts"
import * as MembershipChange from "../../../src/domain/raft/MembershipChange.ts"
import * as ResultEnvelope from "../../../src/domain/session/ResultEnvelope.ts"
import * as SessionRecord from "../../../src/domain/session/SessionRecord.ts"
import type { Decoder } from "../Decoder.ts"
import { bodyOf, codec, groupId, inputOf, sealedAs, sealedRows, seedOf, tableOf } from "./Codec.ts"
import { incarnation, nodeName } from "./LogDecoders.ts"

const clusterId = "ab".repeat(16) as ClusterId
const sessionId = "5e".repeat(16) as SessionId
const key = (id: number) => id as KeyId
const member = (id: number) => id as MemberId
const index = 7 as LogIndex
const malformed = ["Malformed"]
const corrupted = ["RecordCorrupted"]

/** `undefined` as the refusal it is. */
const orUnsaid = <A>(value: A | undefined): Result.Result<A, string> =>
  value === undefined ? Result.fail("undefined") : Result.succeed(value)

const keyOf = (id: number, purpose: "storage" | "raft") =>
  new DataKey({ id: key(id), purpose, clusterId }, new Uint8Array(32).fill(id))
const storageDek = keyOf(1, "storage")
const raftDek = keyOf(2, "raft")
const keys = (id: KeyId) => (id === 1 ? storageDek : id === 2 ? raftDek : undefined)
const kek = new KeyEncryptionKey(new Uint8Array(32).fill(9))
const nonce = Nonce.random(Buffer.alloc(12, 3))
const nonceIn = (sealed: Uint8Array, from: number) =>
  Nonce.random(Buffer.from(sealed.subarray(from, from + 12)))

const bare: SidecarState = {
  clusterId,
  keys: [],
  active: { storage: key(0), raft: key(0) },
  storageEnvelopeIndex: 0 as LogIndex,
  storageEnvelopeRevision: 0 as Revision,
  raftEnvelopeCutoverIndex: 0 as LogIndex
}
const wrapped = new Uint8Array(61).fill(7)
const sealedSidecar: SidecarState = {
  ...bare,
  keys: (["storage", "raft"] as const).map((purpose, at) => {
    return { id: key(at + 1), purpose, createdIndex: index, clusterId, wrapped }
  }),
  active: { storage: key(1), raft: key(2) },
  storageEnvelopeIndex: 8 as LogIndex,
  storageEnvelopeRevision: 5 as Revision,
  raftEnvelopeCutoverIndex: 9 as LogIndex
}

const writer = { nodeName, incarnation: incarnation("1") }
const registry: WriterRegistry.WriterRegistry = {
  writers: [1, 2].map((id) => {
    return { writerId: id as WriterId, nodeName, incarnation: incarnation(String(id)) }
  }),
  rows: [1, 2].map((id) => ({
    keyId: key(2),
    writerId: id as WriterId,
    firstEpoch: 1 as LocalEpoch,
    lastEpoch: 3 as LocalEpoch,
    openingId: "c".repeat(32) as OpeningId
  }))
}

const described = [1, 2].map((id) => ({
  id: member(id),
  nodeName,
  incarnation: incarnation(String(id)),
  address: id === 1 ? undefined : { host: "::1", port: 4000 }
}))
const members: Members.Members = {
  configuration: Membership.make([member(1)], [member(2)]),
  byId: new Map(described.map((each) => [each.id, each])),
  nextMemberId: member(3)
}
const memberRows = MembersRecord.changed(groupId, Members.empty, members).flatMap(
  ({ key, value }) => (value === undefined ? [] : [{ key, value }])
)

const delivery = { keyId: key(1), wrapped }
const commands: ReadonlyArray<Command.Command> = [
  { _tag: "Bootstrap", storage: delivery, raft: { ...delivery, keyId: key(2) }, writers: [writer] },
  { _tag: "Rotate", purpose: "raft", replaces: key(7), ...delivery },
  { _tag: "Rewrap", keys: [delivery, { ...delivery, keyId: key(2) }] },
  { _tag: "Retire", keyId: key(3) },
  { _tag: "EnableStorageEnvelope", storageKeyId: key(1) },
  { _tag: "EnableRaftEnvelope", raftKeyId: key(2) }
]

const changes: ReadonlyArray<MembershipChange.MembershipChange> = [
  MembershipChange.leaving,
  {
    transition: "implicit",
    steps: [
      { action: "addVoter", member: member(4) },
      { action: "remove", member: member(1) }
    ],
    context: MembersContext.encode(described)
  }
]

const session = { lastIndex: index, floor: 2, resultCount: 1, resultBytes: 4 }
const sessionKey = SessionRecord.sessionKey(sessionId)
const resultKey = SessionRecord.resultKey({ sessionId, sequence: 3 })
const result = { index, position: 1, isSealed: false, bytes: Buffer.from("done") }
const sessionLabel = (rowKey: Uint8Array) => `sessions/${Buffer.from(rowKey).toString("hex")}`

const place = { groupId, term: 3 as Term, index }
const storePlace = { groupId, revision: 5 as Revision, storeKey: Buffer.from("k") }
const storageNonce = Nonce.storage({ groupId, revision: 5 as Revision, operation: 0 })
const binding = { groupId, index, position: 1, sessionId, sequence: 3 }
const plaintext = Buffer.from("plaintext")

/** The rows have one spelling; how they are put into one input does not matter. */
function tableSpelling(spelled: Buffer, input: Uint8Array): Uint8Array {
  const rows = inputOf(tableOf(input))
  return rows.length === 0 || rows.equals(inputOf(tableOf(spelled))) ? input : spelled
}

const tables: ReadonlyArray<Decoder> = [
  codec({
    name: "sidecar-record",
    modules: ["domain/encryption/SidecarRecord.ts"],
    seeds: [bare, sealedSidecar].map((state) => SidecarRecord.encode(state)),
    seal: sealedAs("sidecar"),
    refusals: ["RecordCorrupted", "SidecarInconsistent"],
    decode: (bytes) => SidecarRecord.decodeRecord(groupId, bytes),
    encode: (state) => SidecarRecord.encodeRecord(groupId, state)
  }),
  codec({
    name: "sidecar",
    modules: ["domain/encryption/SidecarRecord.ts"],
    seeds: [bare, sealedSidecar].map((state) => SidecarRecord.encode(state)),
    refusals: ["Malformed", "SidecarInconsistent"],
    decode: SidecarRecord.decode,
    encode: SidecarRecord.encode
  }),
  codec({
    name: "writers-table",
    modules: ["domain/encryption/WriterRecord.ts"],
    seeds: [seedOf(WriterRecord.changed(groupId, WriterRegistry.empty, registry))],
    seal: sealedRows("writers"),
    refusals: corrupted,
    decode: (bytes) => WriterRecord.decodeTable(groupId, tableOf(bytes)),
    encode: (table, bytes) => {
      const spelled = inputOf(WriterRecord.changed(groupId, WriterRegistry.empty, table))
      return tableSpelling(spelled, bytes)
    }
  }),
  codec({
    name: "writer-registry",
    modules: ["domain/encryption/WriterRecord.ts"],
    seeds: [registry, WriterRegistry.empty].map(WriterRecord.encode),
    refusals: malformed,
    decode: WriterRecord.decode,
    encode: WriterRecord.encode
  }),
  codec({
    name: "members-table",
    modules: ["domain/members/MembersRecord.ts", "domain/members/Member.ts"],
    seeds: [seedOf(memberRows)],
    seal: sealedRows("members"),
    refusals: corrupted,
    decode: (bytes) => MembersRecord.decodeTable(groupId, tableOf(bytes)),
    encode: (table, bytes) => {
      const written = MembersRecord.changed(groupId, Members.empty, table)
      const rows = written.flatMap(({ key, value }) =>
        value === undefined ? [] : [{ key, value }]
      )
      return tableSpelling(inputOf(rows), bytes)
    }
  }),
  codec({
    name: "session",
    modules: ["domain/session/SessionRecord.ts"],
    seeds: [bodyOf(SessionRecord.encodeSession(groupId, sessionKey, session))],
    seal: sealedAs(sessionLabel(sessionKey)),
    refusals: corrupted,
    decode: (value) => SessionRecord.decodeSession(groupId, { key: sessionKey, value }),
    encode: (found) => SessionRecord.encodeSession(groupId, sessionKey, found)
  }),
  codec({
    name: "session-result",
    modules: ["domain/session/SessionRecord.ts"],
    seeds: [result, { ...result, isSealed: true }].map((each) =>
      bodyOf(SessionRecord.encodeResult(groupId, resultKey, each))
    ),
    seal: sealedAs(sessionLabel(resultKey)),
    refusals: corrupted,
    decode: (value) => SessionRecord.decodeResult(groupId, { key: resultKey, value }),
    encode: (found) => SessionRecord.encodeResult(groupId, resultKey, found)
  }),
  codec({
    name: "session-count",
    modules: ["domain/session/SessionRecord.ts"],
    seeds: [bodyOf(SessionRecord.encodeCount(groupId, 3))],
    seal: sealedAs(sessionLabel(SessionRecord.countKey)),
    refusals: corrupted,
    decode: (value) => SessionRecord.decodeCount(groupId, value),
    encode: (count) => SessionRecord.encodeCount(groupId, count)
  })
]

const entries: ReadonlyArray<Decoder> = [
  codec({
    name: "encryption-command",
    modules: ["domain/encryption/Command.ts"],
    seeds: commands.map(Command.encode),
    refusals: ["Malformed", "UnknownOpcode"],
    decode: Command.decode,
    encode: Command.encode
  }),
  codec({
    name: "membership-change",
    modules: ["domain/raft/MembershipChange.ts"],
    seeds: changes.map(MembershipChange.encode),
    refusals: ["undefined"],
    decode: (bytes) => orUnsaid(MembershipChange.decode(bytes)),
    encode: MembershipChange.encode
  }),
  codec({
    name: "members-of-a-change",
    modules: ["domain/members/MembersContext.ts"],
    seeds: [MembersContext.encode([]), MembersContext.encode(described)],
    refusals: ["undefined"],
    decode: (bytes) => orUnsaid(MembersContext.decode(bytes)),
    encode: MembersContext.encode
  })
]

/** One that opens must be the very one that was sealed: its spelling is the seal with its nonce. */
const envelopes: ReadonlyArray<Decoder> = [
  codec({
    name: "raft-envelope",
    modules: ["domain/encryption/RaftEnvelope.ts", "domain/encryption/Envelope.ts"],
    seeds: [RaftEnvelope.seal({ ...place, key: raftDek, nonce }, plaintext)],
    refusals: ["RaftUnwrapFailed"],
    decode: (sealed) => RaftEnvelope.open({ ...place, keys }, sealed),
    encode: (body, sealed) =>
      RaftEnvelope.seal({ ...place, key: raftDek, nonce: nonceIn(sealed, 6) }, body)
  }),
  codec({
    name: "storage-envelope",
    modules: ["domain/encryption/StorageEnvelope.ts"],
    seeds: [
      StorageEnvelope.seal({ ...storePlace, key: storageDek, nonce: storageNonce }, plaintext)
    ],
    refusals: ["EnvelopeRefused"],
    decode: (sealed) => StorageEnvelope.open({ ...storePlace, keys }, sealed),
    encode: (value) =>
      StorageEnvelope.seal({ ...storePlace, key: storageDek, nonce: storageNonce }, value)
  }),
  codec({
    name: "result-envelope",
    modules: ["domain/session/ResultEnvelope.ts"],
    seeds: [ResultEnvelope.seal(storageDek, binding, plaintext)],
    refusals: ["EnvelopeRefused"],
    decode: (sealed) => ResultEnvelope.open(keys, binding, sealed),
    encode: (opened) => ResultEnvelope.seal(storageDek, binding, opened)
  }),
  codec({
    name: "wrapped-dek",
    modules: ["domain/encryption/WrappedDek.ts"],
    seeds: [WrappedDek.wrap({ kek, nonce }, storageDek)],
    refusals: ["EnvelopeRefused"],
    decode: (bytes) => WrappedDek.unwrap({ kek, identity: storageDek }, bytes),
    encode: (dek, bytes) => WrappedDek.wrap({ kek, nonce: nonceIn(bytes, 1) }, dek)
  })
]

export const decoders: ReadonlyArray<Decoder> = [...tables, ...entries, ...envelopes]
