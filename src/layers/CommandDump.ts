/**
 * `sealog log dump` and `sealog sidecar dump`: what is on the disk of a stopped node.
 *
 * Offline and read-only: a directory in use is refused. Wrapped keys may be printed, key bytes must
 * never be. Proof: `test/e2e/Admin.test.ts`.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as CommandFlags from "./CommandFlags.ts"
import * as CommandOutput from "./CommandOutput.ts"
import * as LogDump from "./LogDump.ts"
import * as SidecarDump from "./SidecarDump.ts"

const directory = CommandFlags.dataDirectory

/** One line for people: the columns of the JSON, without its names. */
const textOf = (entry: LogDump.DumpedEntry): string =>
  [
    String(entry.index).padStart(8),
    `term ${entry.term}`,
    entry.kind,
    entry.sealed ? `sealed under key ${entry.keyId}` : "plain",
    `${entry.bytes} bytes`,
    ...(entry.data === undefined ? [] : [entry.data])
  ].join("  ")

const dumpLog = Command.make(
  "dump",
  {
    directory,
    from: CommandFlags.logIndex("from").pipe(
      Flag.withDescription("First index to print; default: the first of the log")
    ),
    until: CommandFlags.logIndex("until").pipe(
      Flag.withDescription("Index before which to stop; default: the end of the log")
    ),
    raw: Flag.Boolean("raw").pipe(
      Flag.withDescription("Print the data of each entry too, in base64"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* ({ directory, from, raw, until }) {
    const isJson = yield* CommandOutput.Json
    yield* LogDump.entries(
      { directory, raw, from: Option.getOrUndefined(from), until: Option.getOrUndefined(until) },
      (entry) => CommandOutput.line(isJson ? JSON.stringify(entry) : textOf(entry))
    )
  })
).pipe(Command.withDescription("Print the log of a stopped node, one line for each entry"))

export const log = Command.make("log").pipe(
  Command.withDescription("Inspect the log"),
  Command.withSubcommands([dumpLog])
)

const dumpSidecar = Command.make(
  "dump",
  { directory },
  Effect.fnUntraced(function* ({ directory }) {
    const dump = yield* SidecarDump.read({ directory })
    yield* CommandOutput.answer({
      json: dump,
      text: CommandOutput.table([
        ["cluster", dump.clusterId],
        ["group", dump.groupId],
        ["applied index", dump.appliedIndex],
        ["storage envelope index", dump.storageEnvelopeIndex],
        ["raft envelope cutover index", dump.raftEnvelopeCutoverIndex],
        ["active storage key", dump.active.storage],
        ["active raft key", dump.active.raft],
        ...dump.keys.map(
          ({ createdIndex, id, purpose }) =>
            [`key ${id}`, `${purpose}, created at index ${createdIndex}`] as const
        ),
        ["writers", dump.writers.length]
      ])
    })
  })
).pipe(Command.withDescription("Print the encryption state of a stopped node"))

export const sidecar = Command.make("sidecar").pipe(
  Command.withDescription("Inspect the encryption state"),
  Command.withSubcommands([dumpSidecar])
)
