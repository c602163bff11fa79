/**
 * A run of a real node, recorded: its directory, its marks, and every write and sync in between.
 *
 * What must never happen here: a recording whose model does not end in the very files that the run has
 * left. Proof: the comparison below, in every recording; `test/e2e/PowerLoss.test.ts`.
 */
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as StraceCalls from "../../test/support/StraceCalls.ts"
import * as StraceTrace from "../../test/support/StraceTrace.ts"
import * as DiskHistorian from "./DiskHistorian.ts"
import type * as DiskHistory from "./DiskHistory.ts"
import * as DiskImage from "./DiskImage.ts"

/** The run could not be recorded, or its recording makes no sense. */
export class RecordingFailure extends Data.TaggedError("RecordingFailure")<{
  readonly reason: string
}> {
  override get message() {
    return `the run could not be recorded: ${this.reason}`
  }
}

export interface Recording {
  /** Holds everything below. */
  readonly folder: string
  /** The data directory as the run has left it. */
  readonly directory: string
  readonly marksFile: string
  readonly disk: DiskHistory.DiskHistory
}

export interface Options {
  /** Exists, and is not removed. */
  readonly folder: string
  readonly seed: number
  /** Of each client, in each part of the run. */
  readonly writesPerClient: number
  readonly bug?: PlantedBug | undefined
}

/** The environment of a process that has it, of `PowerLossPlantedBug`. */
export type PlantedBug = Readonly<Record<string, string>>

const program = join(import.meta.dirname, "../../test/support/ProcessPowerLossRun.ts")
const runMillisMax = 120_000

/** Calls that reach files; what the model does not know of them is an error there. */
const traced = [
  ...["open", "openat", "creat", "close", "dup", "dup2", "dup3", "fcntl", "lseek"],
  ...["write", "writev", "pwrite64", "pwritev", "pwritev2", "copy_file_range", "sendfile"],
  ...["ftruncate", "truncate", "fallocate", "mmap", "msync"],
  ...["fsync", "fdatasync", "sync_file_range", "sync", "syncfs"],
  ...["mkdir", "mkdirat", "rmdir", "rename", "renameat", "renameat2"],
  ...["link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat"]
]
/** More than any write of a run. */
const stringBytesMax = 16 << 20
const strace = (traceFile: string): ReadonlyArray<string> => [
  ...["-f", "-y", "-xx", "-s", String(stringBytesMax), "--seccomp-bpf"],
  ...["-e", `trace=${traced.map((call) => `?${call}`).join(",")}`, "-o", traceFile]
]

/** Runs a node through all parts of its life under strace, and reads what it did. */
export const record = Effect.fnUntraced(function* (options: Options) {
  const { bug, folder, seed, writesPerClient } = options
  for (const [part, signal] of endsOfParts.entries()) {
    const programArguments = [
      ...[program, join(folder, "data"), join(folder, "marks")],
      ...[seed, writesPerClient, part].map(String)
    ]
    yield* runTraced({ traceFile: traceOf(folder, part), programArguments, bug, signal })
  }
  return yield* open(folder)
})

/** What ends each part of `ProcessPowerLossRun`: a kill, or nothing. */
const endsOfParts = [null, "SIGKILL", "SIGKILL", null] as const

const traceOf = (folder: string, part: number) => join(folder, `trace-${part}`)

/** A recording that was made before. */
export const open = (folder: string): Effect.Effect<Recording, RecordingFailure> =>
  Effect.try({
    try: () => {
      const directory = join(folder, "data")
      const marksFile = join(folder, "marks")
      const processes = endsOfParts.map((_, part) =>
        StraceCalls.of(StraceTrace.parse(readFileSync(traceOf(folder, part), "latin1")))
      )
      const disk = DiskHistorian.make(processes, { directory, marksFile })
      return { folder, directory, marksFile, disk }
    },
    catch: (cause) => new RecordingFailure({ reason: String(cause) })
  }).pipe(Effect.tap(requireComplete))

/** After the last call the model must be what is on disk, byte by byte. */
const requireComplete = ({ disk, folder }: Recording) =>
  Effect.suspend(() => {
    const model = DiskImage.cleanCopy(disk, Number.POSITIVE_INFINITY)
    const files = DiskImage.readFrom(folder, model)
    const mapped = DiskImage.mappedPaths(disk)
    const unseen = DiskImage.differences(model, files).filter((path) => !mapped.includes(path))
    return unseen.length === 0
      ? Effect.void
      : Effect.fail(new RecordingFailure({ reason: `the trace lacks writes to ${unseen.join()}` }))
  })

interface TracedRun {
  readonly traceFile: string
  readonly programArguments: ReadonlyArray<string>
  readonly bug: PlantedBug | undefined
  /** That the program ends itself with. */
  readonly signal: NodeJS.Signals | null
}

const runTraced = ({ bug, programArguments, signal, traceFile }: TracedRun) =>
  Effect.callback<void, RecordingFailure>((resume) => {
    const child = spawn("strace", [...strace(traceFile), process.execPath, ...programArguments], {
      env: { ...process.env, ...bug },
      stdio: ["ignore", "ignore", "pipe"]
    })
    let stderr = ""
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text
    })
    const fail = (reason: string) => resume(Effect.fail(new RecordingFailure({ reason })))
    child.once("error", (error) => fail(error.message))
    child.once("close", (code, endedBy) => {
      if (endedBy === signal && (signal !== null || code === 0)) resume(Effect.void)
      else fail(`ended by ${endedBy ?? `exit code ${code}`}: ${stderr.trim()}`)
    })
    return Effect.sync(() => child.kill("SIGKILL"))
  }).pipe(
    Effect.timeoutOrElse({
      duration: runMillisMax,
      orElse: () =>
        Effect.fail(new RecordingFailure({ reason: `not finished after ${runMillisMax} ms` }))
    })
  )
