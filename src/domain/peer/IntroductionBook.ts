/**
 * Who has introduced itself to this member lately, and what it is answered (SPEC §15).
 *
 * Bounded and forgetful: anybody can introduce itself. What must never happen here: `Admitted` for
 * another data directory than the member's. Proof: `IntroductionBook.test.ts`.
 */
import type { Endpoint } from "../api/Endpoint.ts"
import type { ClusterId, Incarnation, MemberId, NodeName } from "../Ids.ts"
import type { AdmissionAnswer } from "./AdmissionAnswer.ts"
import type { Introduction } from "./Introduction.ts"

/** A member as this one knows it. */
export interface KnownMember {
  readonly id: MemberId
  readonly nodeName: NodeName
  readonly incarnation: Incarnation
  readonly address: Endpoint | undefined
}

/** What an answer follows from. */
export interface Cluster {
  readonly clusterId: ClusterId
  /** Whoever answers. */
  readonly self: MemberId
  readonly members: Iterable<KnownMember>
  readonly leader: MemberId | undefined
}

/**
 * What the node is told. Only the leader, or a member that knows of none, refuses: what another one has
 * applied may be old, and a node that is refused does not ask again.
 */
export function answerTo(introduction: Introduction, cluster: Cluster): AdmissionAnswer {
  const { clusterId, leader, self } = cluster
  const members = [...cluster.members]
  const named = members.find(({ nodeName }) => nodeName === introduction.nodeName)
  if (named?.incarnation === introduction.incarnation) {
    return { _tag: "Admitted", clusterId, memberId: named.id }
  }
  const address = members.find(({ id }) => id === leader)?.address
  const waiting = { _tag: "Waiting", leader: address } as const
  if (leader !== undefined && leader !== self) return waiting
  if (named !== undefined) return { _tag: "Refused", reason: "nameTaken" }
  if (members.some(({ incarnation }) => incarnation === introduction.incarnation)) {
    return { _tag: "Refused", reason: "directoryCopied" }
  }
  // One that is not in the log's beginning yet knows nobody, and can refuse nobody.
  const isFounded = members.length > 0
  return isFounded && introduction.listDigest !== undefined
    ? { _tag: "Refused", reason: "foundedWithout" }
    : waiting
}

interface Kept {
  readonly introduction: Introduction
  readonly atMillis: number
}

export interface BookLimits {
  readonly countMax: number
  readonly keptMillis: number
}

/** Mutable: the newest introduction under each name, for a while. */
export class IntroductionBook {
  private readonly limits: BookLimits
  /** Oldest first. */
  private readonly kept = new Map<NodeName, Kept>()

  constructor(limits: BookLimits) {
    this.limits = limits
  }

  /** The oldest gives way when there are too many. */
  keep(introduction: Introduction, atMillis: number): void {
    this.kept.delete(introduction.nodeName)
    this.kept.set(introduction.nodeName, { introduction, atMillis })
    const [oldest] = this.kept.keys()
    if (this.kept.size > this.limits.countMax && oldest !== undefined) this.kept.delete(oldest)
  }

  newest(nodeName: NodeName, atMillis: number): Introduction | undefined {
    const kept = this.kept.get(nodeName)
    const isFresh = kept !== undefined && atMillis - kept.atMillis <= this.limits.keptMillis
    return isFresh ? kept.introduction : undefined
  }
}
