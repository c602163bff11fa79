/** What the inbox of the engine's driver carries, and how those who ask are answered. */
import type * as Effect from "effect/Effect"
import type { RegistrationOutcome } from "../domain/apply/Outcome.ts"
import type { WriterIdentity } from "../domain/encryption/WriterIdentity.ts"
import type { NodeStopped, NotLeader, TooManyProposals } from "../domain/engine/Errors.ts"
import type { LogIndex, MemberId, Term } from "../domain/Ids.ts"
import type { MembershipChange } from "../domain/raft/MembershipChange.ts"
import type { InstallSnapshot, Message } from "../domain/raft/Message.ts"
import type { Position } from "../domain/raft/Position.ts"
import type {
  ChangeMembershipFailure,
  MembershipApplied,
  Proposal,
  ProposeRejection,
  ReadRejection,
  RegisterWriterFailure,
  TransferFailure
} from "../services/RaftEngine.ts"
import type { Received } from "./SnapshotInstall.ts"

/** Answers whoever asked, once; a later answer is not heard. */
export type Resume<A, E> = (effect: Effect.Effect<A, E>) => void

export type AppendResume = Resume<Position, ProposeRejection>
export type ChangeResume = Resume<MembershipApplied, ChangeMembershipFailure>
export type SealingResume = Resume<void, NotLeader | NodeStopped | TooManyProposals>
export type RegisterWriterResume = Resume<RegistrationOutcome, RegisterWriterFailure>
export type TransferResume = Resume<void, TransferFailure>

export type Input =
  | { readonly _tag: "Tick" }
  | { readonly _tag: "Receive"; readonly message: Message }
  | { readonly _tag: "Unreachable"; readonly peer: MemberId }
  | {
      readonly _tag: "SnapshotEnded"
      readonly peer: MemberId
      readonly outcome: "delivered" | "failed"
    }
  | Question

/** Somebody waits for the answer. */
export type Question =
  /** Its content is complete and durable, beside the state that counts. */
  | {
      readonly _tag: "SnapshotArrived"
      readonly message: InstallSnapshot
      readonly received: Received
      readonly resume: Resume<void, NodeStopped | TooManyProposals>
    }
  | { readonly _tag: "Propose"; readonly proposal: Proposal; readonly resume: AppendResume }
  | { readonly _tag: "Read"; readonly resume: Resume<LogIndex, ReadRejection> }
  | { readonly _tag: "AwaitSealing"; readonly resume: SealingResume }
  | {
      readonly _tag: "ChangeMembership"
      readonly change: MembershipChange
      /** In which it is to be made, if it matters. */
      readonly term: Term | undefined
      readonly resume: ChangeResume
    }
  | {
      readonly _tag: "RegisterWriter"
      readonly writer: WriterIdentity
      readonly term: Term
      readonly resume: RegisterWriterResume
    }
  | { readonly _tag: "Transfer"; readonly to: MemberId; readonly resume: TransferResume }
