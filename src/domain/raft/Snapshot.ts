/**
 * A snapshot as the core sees it: which prefix of the log it stands for.
 *
 * The content (SPEC §16) never passes through the core. The driver streams it beside the
 * `InstallSnapshot` message and hands that message to the core only when the content is complete.
 */
import type { LogIndex, Term } from "../Ids.ts"
import type { Membership } from "./Membership.ts"

/** Replaces the log up to and including `index`. */
export interface Snapshot {
  readonly index: LogIndex
  /** The term of the entry at `index`. */
  readonly term: Term
  /** The configuration after `index` has been applied. */
  readonly membership: Membership
}
