/**
 * The whole key space of a node, page by page, as an export (SPEC §2).
 *
 * Holds one page at a time. Pages are linearizable reads, each of its own moment: the revisions at the
 * end of an export say whether they are all of one. What must never happen: an export that is counted
 * as written before the file has it. Proof: `test/e2e/KvTransfer.test.ts`.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import { type ExportSummary, ExportWriter } from "../domain/kv/ExportFormat.ts"
import * as Span from "../domain/kv/Span.ts"
import type { RangeOptions, RangePage } from "../services/KvStore.ts"
import * as SystemReason from "./SystemReason.ts"

export class ExportFileExists extends Data.TaggedError("ExportFileExists")<{
  readonly path: string
}> {
  override get message() {
    return `${this.path} exists already, and an export never overwrites a file; choose another path`
  }
}

/** Where the export was to go could not be written. What is there of it has no end. */
export class ExportWriteFailure extends Data.TaggedError("ExportWriteFailure")<{
  readonly to: string
  readonly cause: Error
}> {
  override get message() {
    return `the export could not be written to ${this.to} (${SystemReason.of(this.cause)}); make room or choose another place, then export again`
  }
}

/** What an export needs of a client. */
export interface Source {
  readonly range: (options: RangeOptions) => Effect.Effect<RangePage, Error>
}

/** Entries asked for at a time; fewer come if they are large. */
const pageEntries = 1_000
/** It holds in plaintext what the node may have sealed. */
const ownerOnly = 0o600

/** Writes every key to a new file, durable when it returns; removes the file if it fails. */
export const toFile = Effect.fnUntraced(function* (source: Source, path: string) {
  const fileSystem = yield* FileSystem.FileSystem
  const failed = (cause: PlatformError) =>
    cause.reason._tag === "AlreadyExists"
      ? new ExportFileExists({ path })
      : new ExportWriteFailure({ to: path, cause })
  const written = Effect.gen(function* () {
    const file = yield* Effect.mapError(
      fileSystem.open(path, { flag: "wx", mode: ownerOnly }),
      failed
    )
    const write = (text: string) =>
      Effect.mapError(file.writeAll(new TextEncoder().encode(text)), failed)
    const removed = Effect.ignore(fileSystem.remove(path))
    return yield* exportAll(source, write).pipe(
      Effect.tap(() => Effect.mapError(file.sync, failed)),
      Effect.onError(() => removed)
    )
  })
  return yield* Effect.scoped(written)
})

/** Writes every key to stdout. */
export const toStdout = (source: Source) => exportAll(source, writeStdout)

const exportAll = Effect.fnUntraced(function* <E>(
  source: Source,
  write: (text: string) => Effect.Effect<void, E>
) {
  const writer = new ExportWriter()
  yield* write(writer.header())
  let page = yield* source.range({ span: Span.all, limit: pageEntries })
  const firstRevision = page.revision
  let count = page.entries.length
  yield* write(writer.entries(page.entries))
  while (page.continuation !== undefined) {
    const { continuation } = page
    page = yield* source.range({ span: Span.all, limit: pageEntries, continuation })
    count += page.entries.length
    yield* write(writer.entries(page.entries))
  }
  const revisions = { firstRevision, lastRevision: page.revision }
  yield* write(writer.end(revisions))
  const summary: ExportSummary = { count, ...revisions }
  return summary
})

/** A reader that has gone away is a failure here: an export without its end is none. */
const writeStdout = (text: string) =>
  Effect.callback<void, ExportWriteFailure>((resume) => {
    const failed = (cause: Error) =>
      resume(Effect.fail(new ExportWriteFailure({ to: "stdout", cause })))
    process.stdout.once("error", failed)
    process.stdout.write(text, (error) => {
      // After a failure the event may still come: the listener stays then.
      if (error instanceof Error) return failed(error)
      process.stdout.off("error", failed)
      resume(Effect.void)
    })
  })
