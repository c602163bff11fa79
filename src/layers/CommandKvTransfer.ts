/**
 * `sealog kv export|import`: all keys out of one cluster and into another, the only way back from
 * encryption (SPEC §2).
 *
 * An export is plaintext: a file of one is for its owner only. Proof: `test/e2e/KvTransfer.test.ts`.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ExportSummary } from "../domain/kv/ExportFormat.ts"
import * as CommandFlags from "./CommandFlags.ts"
import * as CommandOutput from "./CommandOutput.ts"
import * as KvExport from "./KvExport.ts"
import * as KvImport from "./KvImport.ts"
import * as RpcClientSocket from "./RpcClientSocket.ts"

const { endpoint } = CommandFlags

const textOf = ({ count, firstRevision, lastRevision }: ExportSummary) =>
  firstRevision === lastRevision
    ? `exported ${count} keys, as they were at revision ${lastRevision}`
    : `exported ${count} keys while revisions ${firstRevision + 1} to ${lastRevision} were written: what those wrote may be in it or not; stop the writers and export again for one moment`

export const exportation = Command.make(
  "export",
  {
    endpoint,
    out: Flag.String("out").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription("File to create; must not exist. Default: stdout"),
      Flag.optional
    )
  },
  Effect.fnUntraced(function* (given) {
    const client = yield* RpcClientSocket.connect(given.endpoint)
    const out = Option.getOrUndefined(given.out)
    if (out === undefined) {
      const summary = yield* KvExport.toStdout(client)
      // stdout is the export, and its last line says the same.
      return yield* CommandOutput.complain(textOf(summary))
    }
    const summary = yield* KvExport.toFile(client, out)
    yield* CommandOutput.answer({
      json: { out, ...summary },
      text: `${textOf(summary)}, to ${out}`
    })
  }, Effect.scoped)
).pipe(Command.withDescription("Write all keys and values, in plaintext, as JSON lines"))

export const importation = Command.make(
  "import",
  {
    endpoint,
    from: Flag.String("in").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription(
        "The export, checked as a whole before anything is written. Default: stdin"
      ),
      Flag.optional
    )
  },
  Effect.fnUntraced(function* (given) {
    const client = yield* RpcClientSocket.connect(given.endpoint)
    const imported = yield* Option.match(given.from, {
      onNone: () => KvImport.fromStdin(client),
      onSome: (path) => KvImport.fromFile(client, path)
    })
    yield* CommandOutput.answer({
      json: imported,
      text: `imported ${imported.count} keys, revision ${imported.revision}`
    })
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Write the keys of an export; keys that it does not name stay as they are"
  )
)
