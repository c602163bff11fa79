/**
 * The identifiers of the system, branded so that one cannot be passed for another (SPEC §3, §4, §6).
 *
 * Numbers on disk and on the wire are big-endian; those of 64 bits are held as JavaScript numbers and
 * every decoder refuses a value above 2^53 − 1, so arithmetic on them is exact.
 */
import * as Schema from "effect/Schema"

/** The operator's name of a node: 1–64 characters of `[A-Za-z0-9_.-]`. */
export const NodeName = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_.-]{1,64}$/)).pipe(
  Schema.brand("NodeName")
)
export type NodeName = typeof NodeName.Type

/** 128 random bits as 32 lower-case hex digits. */
const Hex128 = Schema.String.check(Schema.isPattern(/^[0-9a-f]{32}$/))

/** Random, written once when a data directory is created: a wiped directory is another incarnation. */
export const Incarnation = Hex128.pipe(Schema.brand("Incarnation"))
export type Incarnation = typeof Incarnation.Type

/** Random, created with the cluster and replicated; part of every AAD. */
export const ClusterId = Hex128.pipe(Schema.brand("ClusterId"))
export type ClusterId = typeof ClusterId.Type

/** Random, drawn once per opening: tells two openings with equal epochs apart (SPEC §6). */
export const OpeningId = Hex128.pipe(Schema.brand("OpeningId"))
export type OpeningId = typeof OpeningId.Type

const unsigned = (max: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: max }))

/** u16; the service runs group 0. */
export const GroupId = unsigned(0xffff).pipe(Schema.brand("GroupId"))
export type GroupId = typeof GroupId.Type

/** A member's number in the Raft configuration: u64 on the wire, ≥ 1, never reused in a cluster. */
export const MemberId = unsigned(Number.MAX_SAFE_INTEGER).pipe(Schema.brand("MemberId"))
export type MemberId = typeof MemberId.Type

/** A Raft term; 0 only before the first election. */
export const Term = unsigned(Number.MAX_SAFE_INTEGER).pipe(Schema.brand("Term"))
export type Term = typeof Term.Type

/** A slot of the log; the first entry has index 1, 0 means "before the log". */
export const LogIndex = unsigned(Number.MAX_SAFE_INTEGER).pipe(Schema.brand("LogIndex"))
export type LogIndex = typeof LogIndex.Type

/** Tells the state environments of one node apart; goes up with every snapshot that is staged. */
export const StateGeneration = unsigned(Number.MAX_SAFE_INTEGER).pipe(
  Schema.brand("StateGeneration")
)
export type StateGeneration = typeof StateGeneration.Type

/** The state machine's counter of mutating requests: < 2^48, because it is part of a nonce. */
export const Revision = unsigned(2 ** 48 - 1).pipe(Schema.brand("Revision"))
export type Revision = typeof Revision.Type

/** u32; names a DEK; 0 means "none". */
export const KeyId = unsigned(0xffffffff).pipe(Schema.brand("KeyId"))
export type KeyId = typeof KeyId.Type

/** 1..65535; allocated by the replicated writer registry, never reused. */
export const WriterId = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 0xffff })).pipe(
  Schema.brand("WriterId")
)
export type WriterId = typeof WriterId.Type

/** u16 per (node, raft DEK): goes up once per opening that may seal; 0 = "registered by another". */
export const LocalEpoch = unsigned(0xffff).pipe(Schema.brand("LocalEpoch"))
export type LocalEpoch = typeof LocalEpoch.Type

/** u64; finds the caller of a proposal; starts at a random number in each opening. */
export type ProposalId = bigint
