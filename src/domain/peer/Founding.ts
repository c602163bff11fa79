/**
 * What the founder of a cluster knows while it waits for the others of its list (SPEC §3, §15).
 *
 * Immutable. What must never happen here: a founding with a node that was not there, or with one data
 * directory twice. Proof: `Founding.test.ts`.
 */
import type { WriterIdentity } from "../encryption/WriterIdentity.ts"
import type { Incarnation, MemberId, NodeName } from "../Ids.ts"
import type { Member } from "../members/Member.ts"
import type { AdmissionAnswer, AdmissionRefusedReason } from "./AdmissionAnswer.ts"
import * as BootstrapList from "./BootstrapList.ts"
import type { Introduction } from "./Introduction.ts"

export interface Founding {
  readonly list: BootstrapList.BootstrapList
  readonly founder: WriterIdentity
  /** Of the others: the newest data directory that came under each name. */
  readonly introduced: ReadonlyMap<NodeName, Incarnation>
}

export const begin = (list: BootstrapList.BootstrapList, founder: WriterIdentity): Founding => ({
  list,
  founder,
  introduced: new Map()
})

/** Takes an introduction in, or leaves everything as it is if it is refused. */
export function introduce(
  founding: Founding,
  { incarnation, listDigest, nodeName }: Introduction
): { readonly founding: Founding; readonly answer: AdmissionAnswer } {
  const { founder, introduced, list } = founding
  const refused = (reason: AdmissionRefusedReason) => ({
    founding,
    answer: { _tag: "Refused", reason } as const
  })
  const waiting = { _tag: "Waiting", leader: undefined } as const
  // It joins; who leads will be known once there is a cluster.
  if (listDigest === undefined) return { founding, answer: waiting }
  const isListed = list.some((listed) => listed.nodeName === nodeName)
  if (listDigest !== BootstrapList.digestOf(list) || !isListed) return refused("otherBootstrapList")
  if (nodeName === founder.nodeName) return refused("nameTaken")
  const others = [...introduced].filter(([name]) => name !== nodeName)
  const isCopy = [founder.incarnation, ...others.map(([, known]) => known)].includes(incarnation)
  if (isCopy) return refused("directoryCopied")
  const next = new Map(introduced).set(nodeName, incarnation)
  return { founding: { ...founding, introduced: next }, answer: waiting }
}

/** Who has not come yet, in the order of the list. */
export const missing = ({ founder, introduced, list }: Founding): ReadonlyArray<NodeName> =>
  list
    .map(({ nodeName }) => nodeName)
    .filter((name) => name !== founder.nodeName && !introduced.has(name))

/** The first voters, with the ids 1, 2, … in the order of the list; `undefined` while one is missing. */
export function voters(founding: Founding): ReadonlyArray<Member> | undefined {
  const { founder, introduced, list } = founding
  if (missing(founding).length > 0) return undefined
  return list.map(({ address, nodeName }, at) => ({
    id: (at + 1) as MemberId,
    nodeName,
    incarnation: nodeName === founder.nodeName ? founder.incarnation : introduced.get(nodeName)!,
    address
  }))
}
