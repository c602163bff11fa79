/** What applying one entry did, as its proposer is told. Refusals are outcomes (SPEC §11). */
import type { SidecarOutcome } from "../encryption/SidecarState.ts"
import type { RegisterOutcome } from "../encryption/WriterRegistry.ts"

export type AppliedOutcome =
  /** A leader's first entry. */
  | { readonly _tag: "Noop" }
  /** The state machine's result of each request, in the order of the batch. */
  | { readonly _tag: "Results"; readonly results: ReadonlyArray<Uint8Array> }
  /** A change of the encryption state, or its deterministic refusal. */
  | { readonly _tag: "Encryption"; readonly outcome: SidecarOutcome }
  | { readonly _tag: "Registration"; readonly outcome: RegistrationOutcome }

/** What became of a registration. `KeyUnknown`: it names no raft DEK of this cluster. */
export type RegistrationOutcome = RegisterOutcome | { readonly _tag: "KeyUnknown" }
