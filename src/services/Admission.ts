/**
 * How a new data directory comes to belong to a cluster (SPEC §3, §15): it founds one, alone or with
 * others, or one admits it.
 *
 * Asked by the opening, once in the life of a directory. What must never happen: two clusters out of one
 * bootstrap list; a node admitted under the number of another one.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { ListenFailure } from "../domain/api/Errors.ts"
import type { WriterIdentity } from "../domain/encryption/WriterIdentity.ts"
import type { AdmittedAs } from "../domain/log/LocalRecord.ts"
import type { Member } from "../domain/members/Member.ts"
import type { AdmissionRefused } from "../domain/peer/Errors.ts"

export interface Admitted extends AdmittedAs {
  /** The first voters, in order, if it is this node that founds the cluster. */
  readonly founding: ReadonlyArray<Member> | undefined
}

/** Waiting longer does not help. */
export type AdmissionFailure = AdmissionRefused | ListenFailure

export class Admission extends Context.Service<
  Admission,
  {
    /** May wait for other nodes as long as it takes. */
    readonly admit: (node: WriterIdentity) => Effect.Effect<Admitted, AdmissionFailure>
  }
>()("sealog/Admission") {}
