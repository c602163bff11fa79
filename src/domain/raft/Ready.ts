/**
 * What a core wants done: the contract of the driver is **persist → send → apply → advance**.
 */
import type { LogIndex, MemberId } from "../Ids.ts"
import type { Entry } from "./Entry.ts"
import type { HardState } from "./HardState.ts"
import type { Message } from "./Message.ts"
import type { Role } from "./Role.ts"
import type { Snapshot } from "./Snapshot.ts"

/** Who leads and what this member is; lost in a crash. */
export interface SoftState {
  readonly leader: MemberId | undefined
  readonly role: Role["_tag"]
}

/** A read this node asked for may be served once `index` has been applied here. */
export interface ReadState {
  readonly index: LogIndex
  readonly requestId: bigint
}

/**
 * **Ordering**
 * 1. `snapshot`, if any, is installed first, durably: it replaces the log. `entries` and `hardState`
 *    are then written, in one commit. `entries` replace everything in the store from their first
 *    index on.
 * 2. `messages` are sent, in this order, only after 1 is durable (if `mustSync`; else after it was
 *    written). They may be lost, repeated or overtaken on the way.
 * 3. `committedEntries` are applied, in this order. For a `membership` entry the driver calls
 *    `Raft.applyMembershipChange`.
 * 4. `advance` is called with this Ready. A driver that failed in 1–3 stops instead.
 */
export interface Ready {
  /** Present if it changed. */
  readonly softState: SoftState | undefined
  /** Present if it changed. */
  readonly hardState: HardState | undefined
  readonly readStates: ReadonlyArray<ReadState>
  readonly entries: ReadonlyArray<Entry>
  readonly snapshot: Snapshot | undefined
  /** Contiguous, starting after what was last applied; may be among `entries`. */
  readonly committedEntries: ReadonlyArray<Entry>
  readonly messages: ReadonlyArray<Message>
  /** Must the write be durable? False if at most the commit index changed. */
  readonly mustSync: boolean
}
