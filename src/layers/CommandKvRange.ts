/**
 * `sealog kv range`: one page of keys, in order (SPEC §7).
 *
 * A page that is not the last says with what continuation the next one is asked for. Proof:
 * `test/e2e/KvRange.test.ts`.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Span from "../domain/kv/Span.ts"
import * as Limits from "../domain/Limits.ts"
import type { RangePage } from "../services/KvStore.ts"
import * as CommandFlags from "./CommandFlags.ts"
import * as CommandOutput from "./CommandOutput.ts"
import * as RpcClientSocket from "./RpcClientSocket.ts"

class TwoSpans extends Data.TaggedError("TwoSpans") {
  override get message() {
    return "--prefix was given together with --from or --until; give the one or the others"
  }
}

const decodeBase64 = Schema.decodeUnknownOption(Schema.Uint8ArrayFromBase64)

const flags = {
  endpoint: CommandFlags.endpoint,
  prefix: Flag.String("prefix").pipe(
    Flag.withDescription("Keys that begin so; default: all keys"),
    Flag.optional
  ),
  from: Flag.String("from").pipe(
    Flag.withMetavar("KEY"),
    Flag.withDescription("First key; default: the first of all"),
    Flag.optional
  ),
  until: Flag.String("until").pipe(
    Flag.withMetavar("KEY"),
    Flag.withDescription("Key before which to stop; default: the end of all keys"),
    Flag.optional
  ),
  limit: Flag.Int("limit").pipe(
    Flag.withDescription(`Entries at most, 1 to ${Limits.rangeEntriesMax}; 4 MiB end a page too`),
    Flag.withDefault(1_000)
  ),
  continuation: Flag.String("continuation").pipe(
    Flag.withMetavar("BASE64"),
    Flag.withDescription("As the page before printed it: go on behind its last key"),
    Flag.filterMap(
      (text) => decodeBase64(text),
      () => "Expected the continuation that the page before has printed"
    ),
    Flag.optional
  ),
  stale: CommandFlags.stale
}

const spanOf = (bounds: {
  readonly prefix: Option.Option<string>
  readonly from: Option.Option<string>
  readonly until: Option.Option<string>
}): Effect.Effect<Span.Span, TwoSpans> => {
  const [prefix, from, until] = [bounds.prefix, bounds.from, bounds.until].map((given) =>
    Option.getOrUndefined(Option.map(given, (text) => new TextEncoder().encode(text)))
  )
  if (from === undefined && until === undefined) {
    return Effect.succeed(prefix === undefined ? Span.all : { _tag: "Prefix", prefix })
  }
  if (prefix !== undefined) return Effect.fail(new TwoSpans())
  return Effect.succeed({ _tag: "Between", from: from ?? new Uint8Array(0), until })
}

const print = Effect.fnUntraced(function* ({ continuation, entries, revision }: RangePage) {
  const next = continuation && Buffer.from(continuation).toString("base64")
  if (yield* CommandOutput.Json) {
    const page = {
      entries: entries.map(({ key, ...value }) => ({
        ...CommandOutput.inBothForms("key", key),
        ...CommandOutput.found(value)
      })),
      revision,
      isComplete: next === undefined,
      ...(next === undefined ? {} : { continuation: next })
    }
    return yield* CommandOutput.line(JSON.stringify(page))
  }
  for (const { key, value } of entries) {
    const columns = [key, value].map(CommandOutput.printable)
    yield* CommandOutput.line(columns.join("\t"))
  }
  if (next !== undefined) {
    yield* CommandOutput.complain(`there is more: go on with --continuation ${next}`)
  }
})

export const command = Command.make(
  "range",
  flags,
  Effect.fnUntraced(function* ({ continuation, endpoint, limit, stale, ...bounds }) {
    const span = yield* spanOf(bounds)
    const client = yield* RpcClientSocket.connect(endpoint)
    const after = Option.getOrUndefined(continuation)
    const page = yield* client.range({ span, limit, continuation: after, stale })
    yield* print(page)
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Print keys and values in order; each page is of one moment, the next may be of a later one"
  )
)
