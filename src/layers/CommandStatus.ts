/**
 * `sealog status`: who a node is, its role and how far it is, and how far each other member is.
 *
 * Proof: `test/e2e/Admin.test.ts`, `test/e2e/Members.test.ts`.
 */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { NodeStatus } from "../domain/api/AdminApi.ts"
import type { RenouncedReason } from "../domain/engine/Candidacy.ts"
import * as CommandFlags from "./CommandFlags.ts"
import * as CommandOutput from "./CommandOutput.ts"
import * as MemberSurvey from "./MemberSurvey.ts"
import * as RpcClientSocket from "./RpcClientSocket.ts"

/** Silent about the usual case. */
const candidacyOf = ({
  candidacyRenounced: reason
}: NodeStatus): ReadonlyArray<readonly [string, string]> =>
  reason === undefined ? [] : [["candidacy", `renounced (${reason}): ${until[reason]}`]]

const until: Record<RenouncedReason, string> = {
  LocalEpochExhausted: "it does not lead until the raft key is rotated",
  LocalEpochRollback: "it does not lead before it is started again",
  WriterIdsExhausted: "it does not lead before it is started again"
}

export const command = Command.make(
  "status",
  { endpoint: CommandFlags.endpoint },
  Effect.fnUntraced(function* ({ endpoint }) {
    const client = yield* RpcClientSocket.connect(endpoint)
    const status = yield* client.status
    const survey = yield* MemberSurvey.survey(client, status)
    const table = CommandOutput.table([
      ["node", `${status.nodeName} (member ${status.memberId})`],
      ["cluster", status.clusterId],
      ["incarnation", `${status.incarnation}, opened ${status.bootCount} times`],
      ["role", `${status.role} in term ${status.term}`],
      ["leader", status.leader === undefined ? "unknown" : `member ${status.leader}`],
      ["log", `last ${status.lastIndex}, committed ${status.commitIndex}`],
      ["applied", status.appliedIndex],
      ["revision", status.revision],
      ["encryption phase", status.phase],
      ...candidacyOf(status)
    ])
    yield* CommandOutput.answer({
      json: { ...status, members: MemberSurvey.jsonOf(survey) },
      text: `${table}\n\n${MemberSurvey.textOf(survey)}`
    })
  }, Effect.scoped)
).pipe(
  Command.withDescription("Show identity, role and progress of a node, and of every other member")
)
