/** `sealog leader transfer NAME`: hands the leadership over. Proof: `test/e2e/Members.test.ts`. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as CommandFlags from "./CommandFlags.ts"
import * as CommandMember from "./CommandMember.ts"
import * as CommandOutput from "./CommandOutput.ts"
import * as RpcClientSocket from "./RpcClientSocket.ts"

const transfer = Command.make(
  "transfer",
  { name: CommandMember.name, endpoint: CommandFlags.endpoint },
  Effect.fnUntraced(function* (given) {
    const client = yield* RpcClientSocket.connect(given.endpoint)
    const done = yield* client.transferLeadership(given.name)
    yield* CommandOutput.answer({
      json: done,
      text: `${given.name} (member ${done.id}) leads now`
    })
  }, Effect.scoped)
).pipe(Command.withDescription("Hand the leadership to a voter; writes wait meanwhile"))

export const command = Command.make("leader").pipe(
  Command.withDescription("Decide who leads"),
  Command.withSubcommands([transfer])
)
