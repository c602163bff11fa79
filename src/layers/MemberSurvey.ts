/**
 * Every member of a cluster, and how far each of them is: each is asked at its own client endpoint, all
 * at once, and who does not answer in time is shown as such.
 *
 * What must never happen: a node that is down taken for one that is not a member, or one that holds
 * up the answers of the others. Proof: `test/e2e/Members.test.ts`.
 */
import * as Effect from "effect/Effect"
import type { NodeStatus } from "../domain/api/AdminApi.ts"
import * as Endpoint from "../domain/api/Endpoint.ts"
import type { MemberStatus } from "../domain/api/MemberApi.ts"
import * as CommandOutput from "./CommandOutput.ts"
import * as RpcClientSocket from "./RpcClientSocket.ts"

/** How long one member may take to answer. */
const answerMillisMax = 2_000

/** A member, and what it says of itself; `undefined` if it does not answer. */
export interface Surveyed {
  readonly member: MemberStatus
  readonly endpoint: string | undefined
  readonly status: NodeStatus | undefined
}

/** `asked`: the node that the list is of. */
export const survey = Effect.fnUntraced(function* (
  client: RpcClientSocket.Client,
  asked: NodeStatus
) {
  const members = yield* client.members
  return yield* Effect.forEach(
    members,
    Effect.fnUntraced(function* (member) {
      if (member.id === asked.memberId) {
        return { member, endpoint: client.endpoint(), status: asked } satisfies Surveyed
      }
      const { endpoint } = member
      const status = endpoint === undefined ? undefined : yield* statusAt(endpoint, member)
      return { member, endpoint, status } satisfies Surveyed
    }),
    { concurrency: "unbounded" }
  )
})

/** Another node may have the address by now. */
const statusAt = (text: string, { incarnation }: MemberStatus) =>
  Effect.gen(function* () {
    const endpoint = Endpoint.parse(text)
    if (endpoint === undefined) return undefined
    const client = yield* RpcClientSocket.connect(endpoint)
    const status = yield* client.status
    return status.incarnation === incarnation ? status : undefined
  }).pipe(
    Effect.scoped,
    Effect.catch(() => Effect.succeed(undefined)),
    Effect.timeoutOrElse({
      duration: answerMillisMax,
      orElse: () => Effect.succeed(undefined)
    })
  )

/** Entries that are committed, by whoever is furthest, and not in the log of this one. */
const lagOf = (survey: ReadonlyArray<Surveyed>, { lastIndex }: NodeStatus): number =>
  Math.max(0, ...survey.map(({ status }) => (status?.commitIndex ?? 0) - lastIndex))

export const jsonOf = (survey: ReadonlyArray<Surveyed>): ReadonlyArray<object> =>
  survey.map(({ endpoint, member, status }) => ({
    memberId: member.id,
    nodeName: member.nodeName,
    votes: member.role === "voter",
    ...(member.address === undefined ? {} : { address: member.address }),
    ...(endpoint === undefined ? {} : { endpoint }),
    isReachable: status !== undefined,
    ...(status === undefined
      ? {}
      : {
          role: status.role,
          term: status.term,
          lastIndex: status.lastIndex,
          commitIndex: status.commitIndex,
          appliedIndex: status.appliedIndex,
          lag: lagOf(survey, status)
        })
  }))

export const textOf = (survey: ReadonlyArray<Surveyed>): string =>
  CommandOutput.columns([
    ["member", "name", "", "role", "term", "last", "committed", "applied", "lag", "clients"],
    ...survey.map(({ endpoint, member, status }) => [
      member.id,
      member.nodeName,
      member.role,
      ...(status === undefined
        ? ["no answer", "-", "-", "-", "-", "-"]
        : [
            status.role,
            status.term,
            status.lastIndex,
            status.commitIndex,
            status.appliedIndex,
            lagOf(survey, status)
          ]),
      endpoint ?? "unknown"
    ])
  ])
