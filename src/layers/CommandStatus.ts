/** `sealog status`: who a node is, its role, and how far it is. Proof: `test/e2e/Admin.test.ts`. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { NodeStatus } from "../domain/api/AdminApi.ts"
import * as CommandFlags from "./CommandFlags.ts"
import * as CommandOutput from "./CommandOutput.ts"
import * as RpcClientSocket from "./RpcClientSocket.ts"

/** Silent about the usual case. */
const candidacyOf = ({
  candidacyRenounced: reason
}: NodeStatus): ReadonlyArray<readonly [string, string]> =>
  reason === undefined ? [] : [["candidacy", `renounced (${reason}): this opening will not lead`]]

export const command = Command.make(
  "status",
  { endpoint: CommandFlags.endpoint },
  Effect.fnUntraced(function* ({ endpoint }) {
    const client = yield* RpcClientSocket.connect(endpoint)
    const status = yield* client.status
    yield* CommandOutput.answer({
      json: status,
      text: CommandOutput.table([
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
    })
  }, Effect.scoped)
).pipe(Command.withDescription("Show identity, role and progress of a node"))
