/** What applying one entry did, as its proposer is told. Refusals are outcomes (SPEC §11). */
import type { SidecarOutcome } from "../encryption/SidecarState.ts"
import type { RegisterOutcome } from "../encryption/WriterRegistry.ts"
import type { MembershipOutcome } from "../members/Members.ts"
import type { SequenceForgotten, SessionUnknown } from "../session/Errors.ts"
import type * as SessionTable from "../session/SessionTable.ts"

export type AppliedOutcome =
  /** A leader's first entry. */
  | { readonly _tag: "Noop" }
  /** What became of each request, in the order of the batch. */
  | { readonly _tag: "Results"; readonly results: ReadonlyArray<RequestOutcome> }
  | { readonly _tag: "SessionOpened"; readonly outcome: SessionTable.OpenOutcome }
  | { readonly _tag: "SessionsExpired"; readonly count: number }
  /** A change of the encryption state, or its deterministic refusal. */
  | { readonly _tag: "Encryption"; readonly outcome: SidecarOutcome }
  | { readonly _tag: "Registration"; readonly outcome: RegistrationOutcome }
  | { readonly _tag: "Membership"; readonly outcome: MembershipOutcome }

/** The state machine's result; of a repeated write the recorded one, or why there is none. */
export type RequestOutcome = Uint8Array | SessionRefusal

/** The write was not applied now. After `SequenceForgotten` it may have been before. */
export type SessionRefusal = SessionUnknown | SequenceForgotten

/** What became of a registration. `KeyUnknown`: it names no raft DEK of this cluster. */
export type RegistrationOutcome = RegisterOutcome | { readonly _tag: "KeyUnknown" }
