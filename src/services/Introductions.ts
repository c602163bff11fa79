/**
 * Whom this cluster takes in: what a member answers a node that introduces itself, and who has
 * (SPEC §3, §15).
 *
 * What must never happen: `Admitted` for a node that is no member, or for another data directory under
 * a member's name; memory that grows with strangers. Proof: `test/layers/Introductions.test.ts`.
 */
import * as Context from "effect/Context"
import type { MemberId, NodeName } from "../domain/Ids.ts"
import type { AdmissionAnswer } from "../domain/peer/AdmissionAnswer.ts"
import type { Introduction } from "../domain/peer/Introduction.ts"
import type { KnownMember } from "../domain/peer/IntroductionBook.ts"

/** What the answers are made of. */
export interface ClusterView {
  /** As applied. */
  readonly members: () => Iterable<KnownMember>
  readonly leader: () => MemberId | undefined
}

export class Introductions extends Context.Service<
  Introductions,
  {
    readonly answer: (introduction: Introduction) => AdmissionAnswer
    /** Of a node of this name that introduced itself to this member not long ago. */
    readonly newest: (nodeName: NodeName) => Introduction | undefined
    /** Called once; until then everybody waits. */
    readonly attach: (cluster: ClusterView) => void
  }
>()("sealog/Introductions") {}
