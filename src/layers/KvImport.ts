/**
 * An export, written into a node (SPEC §2).
 *
 * Holds a few batches at a time; each is one transaction of puts. Keys of an export are ascending, so
 * no two batches share one and their order does not matter, and doing it again writes the same. What
 * must never happen: success for an export that is not whole. Proof: `test/e2e/KvTransfer.test.ts`.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import type { Revision } from "../domain/Ids.ts"
import type { ExportInvalid } from "../domain/kv/Errors.ts"
import { type ExportedEntry, ExportReader } from "../domain/kv/ExportFormat.ts"
import * as Limits from "../domain/Limits.ts"
import type { TxnOptions } from "../services/KvStore.ts"
import * as SystemReason from "./SystemReason.ts"

/** The export could not be read. */
export class ImportReadFailure extends Data.TaggedError("ImportReadFailure")<{
  readonly from: string
  readonly cause: Error
}> {
  override get message() {
    return `the export could not be read from ${this.from} (${SystemReason.of(this.cause)})`
  }
}

/** It ended before its end; what was written stays. */
export class ImportStopped extends Data.TaggedError("ImportStopped")<{
  readonly count: number
  readonly cause: Error
}> {
  override get message() {
    return `the import stopped, at least ${this.count} keys are written and stay (${this.cause.message}); importing again is safe, it writes the same values once more`
  }
}

/** What an import needs of a client. */
export interface Target {
  readonly txn: (options: TxnOptions) => Effect.Effect<{ readonly revision: Revision }, Error>
}

export interface Imported {
  readonly count: number
  /** Of the last transaction; 0 if there was none. */
  readonly revision: Revision
}

const batchBytesMax = Limits.mebibyte
const batchesInFlightMax = 4

type Bytes = Stream.Stream<Uint8Array, ImportReadFailure>

/** Reads the file twice: nothing is written unless all of it is a whole export. */
export const fromFile = Effect.fnUntraced(function* (target: Target, path: string) {
  const fileSystem = yield* FileSystem.FileSystem
  const source: Bytes = Stream.mapError(
    fileSystem.stream(path),
    (cause) => new ImportReadFailure({ from: path, cause })
  )
  yield* Stream.runDrain(entriesOf(source))
  return yield* importAll(target, source)
})

/** Writes as it reads: that the end is missing is only seen when the rest is written. */
export const fromStdin = Effect.fnUntraced(function* (target: Target) {
  const { stdin } = yield* Stdio.Stdio
  const source: Bytes = Stream.mapError(
    stdin,
    (cause) => new ImportReadFailure({ from: "stdin", cause })
  )
  return yield* importAll(target, source)
})

/** The entries, a piece at a time; fails at the first thing that is not of a whole export. */
const entriesOf = (
  source: Bytes
): Stream.Stream<ReadonlyArray<ExportedEntry>, ImportReadFailure | ExportInvalid> =>
  Stream.suspend(() => {
    const reader = new ExportReader()
    const end = Stream.suspend(() => Stream.fromEffect(Effect.fromResult(reader.end())))
    return source.pipe(
      Stream.mapEffect((piece) => Effect.fromResult(reader.push(piece))),
      Stream.concat(Stream.drain(end))
    )
  })

const importAll = (target: Target, source: Bytes): Effect.Effect<Imported, ImportStopped> =>
  Effect.suspend(() => {
    const batches = new Batches()
    let count = 0
    let revision = 0 as Revision
    const write = (batch: ReadonlyArray<ExportedEntry>): Effect.Effect<void, Error> => {
      const onSuccess = batch.map((entry) => ({ _tag: "Put", ...entry }) as const)
      return Effect.map(target.txn({ compares: [], onSuccess, onFailure: [] }), (done) => {
        count += batch.length
        if (done.revision > revision) revision = done.revision
      })
    }
    return entriesOf(source).pipe(
      Stream.map((entries) => batches.add(entries)),
      Stream.concat(Stream.sync(() => batches.rest())),
      Stream.flattenIterable,
      Stream.mapEffect(write, { concurrency: batchesInFlightMax, unordered: true }),
      Stream.runDrain,
      Effect.mapBoth({
        onFailure: (cause) => new ImportStopped({ count, cause }),
        onSuccess: () => ({ count, revision })
      })
    )
  })

/** Cuts entries into transactions within the limits. */
class Batches {
  private batch: Array<ExportedEntry> = []
  private bytes = 0

  /** Those that are full. */
  add(entries: ReadonlyArray<ExportedEntry>): ReadonlyArray<ReadonlyArray<ExportedEntry>> {
    const full: Array<ReadonlyArray<ExportedEntry>> = []
    for (const entry of entries) {
      const bytes = entry.key.length + entry.value.length
      const isFull =
        this.batch.length === Limits.transactionOperationsMax || this.bytes + bytes > batchBytesMax
      if (isFull) full.push(...this.rest())
      this.batch.push(entry)
      this.bytes += bytes
    }
    return full
  }

  /** The one that is left, if there is one. */
  rest(): ReadonlyArray<ReadonlyArray<ExportedEntry>> {
    const { batch } = this
    this.batch = []
    this.bytes = 0
    return batch.length === 0 ? [] : [batch]
  }
}
