/**
 * Is every member able to take part in encryption (SPEC §14)? Asked before bootstrap and before both
 * enables; nothing is proposed if it fails.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { CapabilityReason } from "../domain/capability/Reason.ts"
import type { CapabilityCheckFailed } from "../domain/encryption/Errors.ts"
import type { MemberId, NodeName } from "../domain/Ids.ts"
import type {
  MembershipChangeInProgress,
  PeerNotEncryptionCapable
} from "../domain/members/Errors.ts"
import type { Member } from "../domain/members/Member.ts"

/** A node that is to come in, or to get a vote. */
export interface Candidate extends Omit<Member, "id"> {
  /** `undefined` of one that is no member yet. */
  readonly memberId: MemberId | undefined
}

/** What one node answered. */
export interface Surveyed {
  readonly nodeName: NodeName
  /** `undefined` if nothing was answered. */
  readonly softwareVersion: string | undefined
  /** `undefined`: it can take part. */
  readonly reason: CapabilityReason | undefined
}

export class CapabilityGate extends Context.Service<
  CapabilityGate,
  {
    /**
     * Asks the members of the latest configuration in the log, both halves of a joint one, once it is
     * applied: `MembershipChangeInProgress` if that takes too long. Each proves the active DEKs, or if
     * there are none, that it could use such.
     */
    readonly survey: Effect.Effect<ReadonlyArray<Surveyed>, MembershipChangeInProgress>
    /** One node alone, asked like the others: a member, or one that waits to become one. */
    readonly checkNode: (node: Candidate) => Effect.Effect<void, PeerNotEncryptionCapable>
    /** The survey, refused if any of them cannot take part. */
    readonly check: Effect.Effect<void, CapabilityCheckFailed | MembershipChangeInProgress>
  }
>()("sealog/CapabilityGate") {}
