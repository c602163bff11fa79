/**
 * `sealog kv put|get|delete`: one key of one node; and the other commands on keys.
 *
 * A missing key is an answer and no failure of the node, but exits with 1, so that a script can ask
 * `if sealog kv get …`. Values that are not UTF-8 are carried in base64. Proof: `test/e2e/Kv.test.ts`.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import type * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as Stdio from "effect/Stdio"
import type { FoundValue } from "../domain/api/KvApi.ts"
import { AnswerIsNo } from "./CommandFailure.ts"
import * as CommandFlags from "./CommandFlags.ts"
import * as CommandKvRange from "./CommandKvRange.ts"
import * as CommandKvTransfer from "./CommandKvTransfer.ts"
import * as CommandKvTxn from "./CommandKvTxn.ts"
import * as CommandOutput from "./CommandOutput.ts"
import * as RpcClientSocket from "./RpcClientSocket.ts"

const { endpoint } = CommandFlags
const key = Argument.String("KEY")

const put = Command.make(
  "put",
  { key, value: Argument.String("VALUE"), endpoint },
  Effect.fnUntraced(function* (given) {
    const client = yield* RpcClientSocket.connect(given.endpoint)
    const { revision } = yield* client.put(given.key, given.value)
    yield* CommandOutput.answer({ json: { revision }, text: `revision ${revision}` })
  }, Effect.scoped)
).pipe(Command.withDescription("Store a value; `--` before values that begin with a dash"))

const deletion = Command.make(
  "delete",
  { key, endpoint },
  Effect.fnUntraced(function* (given) {
    const client = yield* RpcClientSocket.connect(given.endpoint)
    const { deleted, revision } = yield* client.delete(given.key)
    yield* CommandOutput.answer({
      json: { deleted, revision },
      text: deleted ? `deleted at revision ${revision}` : "no such key, nothing deleted"
    })
  }, Effect.scoped)
).pipe(Command.withDescription("Delete a key; deleting one that does not exist is no error"))

const get = Command.make(
  "get",
  { key, endpoint, stale: CommandFlags.stale },
  Effect.fnUntraced(function* (given) {
    const client = yield* RpcClientSocket.connect(given.endpoint)
    const found = yield* client.get(given.key, { stale: given.stale })
    if (found !== undefined) return yield* printFound(found)
    if (yield* CommandOutput.Json) yield* CommandOutput.line(JSON.stringify({ found: false }))
    else yield* CommandOutput.complain(`key ${JSON.stringify(given.key)} not found`)
    return yield* new AnswerIsNo()
  }, Effect.scoped)
).pipe(Command.withDescription("Print the value of a key; exit code 1 if there is none"))

const printFound = (found: typeof FoundValue.Type) => {
  const text = CommandOutput.utf8(found.value)
  return CommandOutput.answer({
    json: { found: true, ...CommandOutput.found(found) },
    text: text ?? CommandOutput.printable(found.value)
  })
}

/** What it needs of the machine; any of its errors is one sentence to whoever typed it. */
type Environment = GlobalFlag.Setting.Identifier<"json"> | FileSystem.FileSystem | Stdio.Stdio

export const command: Command.Command<"kv", object, object, Error, Environment> = Command.make(
  "kv"
).pipe(
  Command.withDescription("Read and write keys"),
  Command.withSubcommands([
    put,
    get,
    deletion,
    CommandKvRange.command,
    CommandKvTxn.command,
    CommandKvTransfer.exportation,
    CommandKvTransfer.importation
  ])
)
