/**
 * Can every node take part in encryption, and if not, why (SPEC §14)?
 *
 * Judged by the leader from what each node answered, itself included. What must never happen: a node
 * that is not judged, or one that passes without a right proof for every key that was asked for.
 * Proof: `Verdict.test.ts`.
 */

import type { WriterIdentity } from "../encryption/WriterIdentity.ts"
import type { Row } from "../encryption/WriterRegistry.ts"
import type { ClusterId, KeyId, MemberId, NodeName } from "../Ids.ts"
import * as Limits from "../Limits.ts"
import type { CapabilityAnswer } from "./CapabilityAnswer.ts"
import * as Formats from "./Formats.ts"
import type { CapabilityReason, IdentityDifference, UnreachableDetail } from "./Reason.ts"

/** Who was asked; no member: a node that is to become one. */
export interface Asked extends WriterIdentity {
  readonly member: { readonly clusterId: ClusterId; readonly id: MemberId } | undefined
}

/** What the leader knows beside the answer. */
export interface Facts {
  /** Every key that was asked for. */
  readonly keyIds: ReadonlyArray<KeyId>
  /** Those of the answer's proofs that are right. */
  readonly proven: ReadonlySet<KeyId>
  /** What is registered of the node under the raft DEK. */
  readonly row: Pick<Row, "lastEpoch" | "openingId"> | undefined
}

/** What a node answered, and what is wrong with it. */
export interface Report {
  readonly nodeName: NodeName
  /** `undefined` if nothing was answered. */
  readonly answer: CapabilityAnswer | undefined
  /** `undefined`: it can take part. */
  readonly reason: CapabilityReason | undefined
}

export const unreachable = ({ nodeName }: WriterIdentity, detail: UnreachableDetail): Report => ({
  nodeName,
  answer: undefined,
  reason: { _tag: "Unreachable", detail }
})

export const judge = (asked: Asked, answer: CapabilityAnswer, facts: Facts): Report => ({
  nodeName: asked.nodeName,
  answer,
  reason: identityReason(asked, answer) ?? keysReason(answer, facts) ?? epochReason(answer, facts)
})

/** Those that cannot take part. */
export const refused = (reports: ReadonlyArray<Pick<Report, "nodeName" | "reason">>) =>
  reports.flatMap(({ nodeName, reason }) => (reason === undefined ? [] : [{ nodeName, reason }]))

function identityReason(asked: Asked, answer: CapabilityAnswer): CapabilityReason | undefined {
  const wrong = (difference: IdentityDifference) => ({ _tag: "WrongIdentity", difference }) as const
  if (answer.member?.clusterId !== asked.member?.clusterId) return wrong("cluster")
  if (answer.nodeName !== asked.nodeName) return wrong("name")
  if (answer.incarnation !== asked.incarnation) return wrong("incarnation")
  if (answer.member?.id !== asked.member?.id) return wrong("member")
  const format = Formats.tooOld(answer.formats)
  if (format === undefined) return undefined
  const { name, understood, version: needed } = format
  return { _tag: "FormatTooOld", format: name, needed, understood }
}

function keysReason(
  { encryption, proofs }: CapabilityAnswer,
  { keyIds, proven }: Facts
): CapabilityReason | undefined {
  if (encryption === "off") return { _tag: "EncryptionOff" }
  if (encryption === "withoutKek") return { _tag: "KekMissing" }
  const isGiven = (id: KeyId) => proofs.some(({ keyId }) => keyId === id)
  const missing = keyIds.filter((id) => !isGiven(id))
  if (missing.length > 0) return { _tag: "KeyNotHeld", keyIds: missing }
  const wrong = keyIds.filter((id) => !proven.has(id))
  return wrong.length > 0 ? { _tag: "ProofWrong", keyIds: wrong } : undefined
}

function epochReason(
  { epoch, epochTakenBy }: CapabilityAnswer,
  { row }: Facts
): CapabilityReason | undefined {
  if (epoch > Limits.localEpochMax) return { _tag: "LocalEpochOutOfRange", epoch }
  const registered = row?.lastEpoch ?? 0
  const isAnothers =
    row !== undefined &&
    epoch === registered &&
    epochTakenBy !== undefined &&
    epochTakenBy !== row.openingId
  if (epoch < registered || isAnothers) return { _tag: "EpochBelowRegistry", epoch, registered }
  const isLast = epoch === Limits.localEpochMax && epochTakenBy === undefined
  return isLast ? { _tag: "EpochExhausted", epoch } : undefined
}
