/**
 * Asks every other member for its status of encryption, all at once, at its client endpoint (SPEC §12).
 *
 * Each is asked for itself, within the same bound, and whoever does not answer is named with the reason.
 * Proof: `test/layers/EncryptionSurvey.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { EncryptionStatus, SurveyedNode } from "../domain/api/AdminApi.ts"
import type { MemberId } from "../domain/Ids.ts"
import { ClusterAdmin, type MemberStatus } from "../services/ClusterAdmin.ts"
import { EncryptionAdmin } from "../services/EncryptionAdmin.ts"
import { EncryptionSurvey } from "../services/EncryptionSurvey.ts"
import { MemberConnection } from "../services/MemberConnection.ts"
import { NodeConfig } from "../services/NodeConfig.ts"

type Answer = Pick<SurveyedNode, "status" | "unanswered">

const unanswered = (
  reason: NonNullable<SurveyedNode["unanswered"]>["reason"],
  message: string
): Answer => ({ unanswered: { reason, message } })

/** Another node may have the address by now, or a wiped one its name. */
const answerOf = (member: MemberStatus, status: EncryptionStatus): Answer =>
  status.incarnation === member.incarnation
    ? { status }
    : unanswered(
        "OtherNode",
        `at its address answers ${status.nodeName}, opened from another data directory; it was wiped or its address was given away`
      )

const surveyed = (
  { endpoint, id, isLeader, nodeName, role }: MemberStatus,
  answer: Answer
): SurveyedNode => ({
  id,
  nodeName,
  role,
  isLeader,
  ...(endpoint === undefined ? {} : { endpoint }),
  ...answer
})

const make = Effect.gen(function* () {
  const admin = yield* EncryptionAdmin
  const cluster = yield* ClusterAdmin
  const ask = yield* makeAsk
  const read = Effect.suspend(() => {
    const own = admin.status()
    return Effect.forEach(
      cluster.members(),
      (member) =>
        Effect.map(member.id === own.memberId ? Effect.succeed(own) : ask(member.id), (answer) =>
          surveyed(member, "phase" in answer ? answerOf(member, answer) : answer)
        ),
      // As many as there are members.
      { concurrency: "unbounded" }
    )
  })
  return EncryptionSurvey.of({ read })
})

const makeAsk = Effect.gen(function* () {
  const connection = yield* MemberConnection
  const { surveyTimeoutMillis } = yield* NodeConfig
  const silent = unanswered("TimedOut", `no answer within ${surveyTimeoutMillis} ms`)
  return (member: MemberId) =>
    connection
      .ask(member, (node) => node.EncryptionStatus())
      .pipe(
        Effect.catch(({ _tag, message }) => Effect.succeed(unanswered(_tag, message))),
        Effect.timeoutOrElse({
          duration: surveyTimeoutMillis,
          orElse: () => Effect.succeed(silent)
        })
      )
})

export const layer: Layer.Layer<
  EncryptionSurvey,
  never,
  ClusterAdmin | EncryptionAdmin | MemberConnection | NodeConfig
> = Layer.effect(EncryptionSurvey, make)
