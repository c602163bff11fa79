/**
 * `sealog kv txn`: compares, then one of two branches, as one request (SPEC §7).
 *
 * Compares that do not hold are an answer, printed like the other, but exit with 1, so that a script
 * can ask `if sealog kv txn …`. Proof: `test/e2e/KvRange.test.ts`.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import type { OperationResult } from "../domain/api/KvApi.ts"
import * as TxnDescription from "../domain/kv/TxnDescription.ts"
import * as Limits from "../domain/Limits.ts"
import { AnswerIsNo } from "./CommandFailure.ts"
import * as CommandFlags from "./CommandFlags.ts"
import * as CommandOutput from "./CommandOutput.ts"
import * as RpcClientSocket from "./RpcClientSocket.ts"
import * as SystemReason from "./SystemReason.ts"

class DescriptionReadFailure extends Data.TaggedError("DescriptionReadFailure")<{
  readonly from: string
  readonly cause: Error
}> {
  override get message() {
    return `the description of the transaction could not be read from ${this.from} (${SystemReason.of(this.cause)})`
  }
}

class DescriptionTooLarge extends Data.TaggedError("DescriptionTooLarge")<{
  readonly bytesMax: number
}> {
  override get message() {
    return `the description of the transaction has more than ${this.bytesMax} bytes; split it into several`
  }
}

/** The largest request in base64 takes less. */
const descriptionBytesMax = 2 * Limits.requestBytesMax

/** Never holds more than it may. */
const textOf = Effect.fnUntraced(function* <E>(bytes: Stream.Stream<Uint8Array, E>) {
  const pieces: Array<Uint8Array> = []
  let count = 0
  yield* Stream.runForEach(bytes, (piece) => {
    count += piece.length
    if (count > descriptionBytesMax) {
      return Effect.fail(new DescriptionTooLarge({ bytesMax: descriptionBytesMax }))
    }
    pieces.push(piece)
    return Effect.void
  })
  return Buffer.concat(pieces).toString()
})

const description = Effect.fnUntraced(function* (file: Option.Option<string>) {
  const { stdin } = yield* Stdio.Stdio
  const fileSystem = yield* FileSystem.FileSystem
  const from = Option.getOrElse(file, () => "stdin")
  const bytes = Option.match(file, {
    onNone: () => stdin,
    onSome: (path) => fileSystem.stream(path)
  })
  const text = yield* textOf(
    Stream.mapError(bytes, (cause) => new DescriptionReadFailure({ from, cause }))
  )
  return yield* Effect.fromResult(TxnDescription.parse(text))
})

const resultOf = (result: typeof OperationResult.Type) => {
  switch (result._tag) {
    case "Written":
      return { put: {} }
    case "Deleted":
      return { delete: { deleted: result.deleted } }
    case "Found":
      return { get: { found: true, ...CommandOutput.found(result.found) } }
    case "NotFound":
      return { get: { found: false } }
  }
}

const lineOf = (result: typeof OperationResult.Type) => {
  switch (result._tag) {
    case "Written":
      return "put"
    case "Deleted":
      return result.deleted ? "deleted" : "no such key, nothing deleted"
    case "Found":
      return CommandOutput.printable(result.found.value)
    case "NotFound":
      return "not found"
  }
}

const shape = `{"compare":[{"key":"a","exists":true},{"key":"b","revision":{"equal":3}},{"key":"c","value":{"equal":"x"}}],"then":[{"put":{"key":"a","value":"1"}},{"delete":{"key":"b"}},{"get":{"key":"c"}}],"else":[]}`

export const command = Command.make(
  "txn",
  {
    endpoint: CommandFlags.endpoint,
    file: Flag.String("file").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription("JSON that describes the transaction. Default: stdin"),
      Flag.optional
    )
  },
  Effect.fnUntraced(function* ({ endpoint, file }) {
    const { compares, onFailure, onSuccess } = yield* description(file)
    const client = yield* RpcClientSocket.connect(endpoint)
    const done = yield* client.txn({ compares, onSuccess, onFailure })
    const { results, revision, succeeded } = done
    yield* CommandOutput.answer({
      json: { succeeded, revision, results: results.map(resultOf) },
      text: [
        `${succeeded ? "the compares held" : "the compares did not hold"}, revision ${revision}`,
        ...results.map(lineOf)
      ].join("\n")
    })
    if (!succeeded) return yield* new AnswerIsNo()
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    `Compare, then do one of two lists of operations, as one request; exit code 1 if the compares do not hold. Its description: ${shape}. Operators: equal, notEqual, less, greater. keyBase64 and valueBase64 take base64. Each list may be left out`
  )
)
