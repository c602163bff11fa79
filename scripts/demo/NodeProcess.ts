/**
 * A real node in a process of its own: started, killed, restarted as an operator would.
 *
 * No child process outlives its scope: it is killed when the scope closes, and when this process exits
 * for whatever reason it can still act on.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Endpoint from "../../src/domain/api/Endpoint.ts"

/** A sealog process did not do what it should have. */
export class ProcessFailure extends Data.TaggedError("ProcessFailure")<{
  readonly command: string
  readonly reason: string
}> {
  override get message() {
    return `${this.command}: ${this.reason}`
  }
}

export interface Ended {
  /** `null` if a signal ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

const root = join(import.meta.dirname, "../..")
const program = join(root, "src/main.ts")
/** Halves the start of a process; `npm ci` removes the cache with the rest. */
const environment = {
  NODE_COMPILE_CACHE: join(root, "node_modules/.cache/sealog-compile"),
  ...process.env
}
/** Of a process that hangs; a busy machine takes its time to start one. */
const readyMillisMax = 60_000
const endMillisMax = 20_000

/** How tests start a process otherwise than a user would. */
export interface Launch {
  /** A program and its arguments that runs the process and lets it keep its process id. */
  readonly wrapper?: ReadonlyArray<string>
  readonly environment?: Readonly<Record<string, string>>
  /** What is on its stdin; nothing if left out. */
  readonly input?: string
}

/** One `sealog` process; killed with SIGKILL when the scope closes, if it still runs. */
export const start = (commandArguments: ReadonlyArray<string>, launch: Launch = {}) =>
  Effect.acquireRelease(
    Effect.sync(() => running(commandArguments, launch)),
    // Waits until it is gone: whoever removes its directory next must be alone with it.
    ({ end, kill }) =>
      Effect.andThen(
        Effect.sync(() => kill("SIGKILL")),
        Effect.ignore(end)
      )
  )

export type Running = ReturnType<typeof running>

const running = (commandArguments: ReadonlyArray<string>, launch: Launch) => {
  const [command, ...rest] = [...(launch.wrapper ?? []), process.execPath, program]
  const child = spawn(command!, [...rest, ...commandArguments], {
    env: { ...environment, ...launch.environment },
    stdio: "pipe"
  })
  // A process that refuses its input may be gone before it has been written.
  child.stdin.on("error", () => {}).end(launch.input)
  const killWithUs = () => child.kill("SIGKILL")
  process.on("exit", killWithUs)
  const output = { stdout: "", stderr: "" }
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output.stdout += text
  })
  child.stderr.setEncoding("utf8").on("data", (text) => {
    output.stderr += text
  })
  let ended: Ended | undefined
  child.once("close", (code, signal) => {
    ended = { code, signal, ...output }
    process.off("exit", killWithUs)
  })
  const failure = (reason: string) =>
    new ProcessFailure({ command: `sealog ${commandArguments[0]}`, reason })

  /** Without a bound: for who waits for something else, which its end would be the end of. */
  const gone = Effect.callback<Ended>((resume) => {
    if (ended !== undefined) return resume(Effect.succeed(ended))
    const closed = (code: Ended["code"], signal: Ended["signal"]) =>
      resume(Effect.succeed({ code, signal, ...output }))
    child.once("close", closed)
    return Effect.sync(() => child.off("close", closed))
  })
  const end = Effect.timeoutOrElse(gone, {
    duration: endMillisMax,
    orElse: () => Effect.fail(failure(`has not ended within ${endMillisMax} ms`))
  })
  return {
    /** Returns when the process has ended and all it printed is read. */
    end,
    /** How it has ended; `undefined` while it runs. */
    ended: () => ended,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    /** Of the process. */
    pid: child.pid ?? 0,
    /** Returns all of stderr once it has this in it. */
    said: (what: RegExp) =>
      saidOn(child, output, what).pipe(
        Effect.raceFirst(
          Effect.flatMap(gone, ({ stderr }) =>
            Effect.fail(failure(`ended without saying ${what}: ${stderr.trim()}`))
          )
        ),
        Effect.timeoutOrElse({
          duration: readyMillisMax,
          orElse: () =>
            Effect.fail(failure(`has not said ${what} in ${readyMillisMax} ms: ${output.stderr}`))
        })
      ),
    /** The first line on stdout. */
    firstLine: firstLineOf(child, output).pipe(
      Effect.raceFirst(
        Effect.flatMap(gone, ({ stderr }) =>
          Effect.fail(failure(`ended before it was ready: ${stderr.trim()}`))
        )
      ),
      Effect.timeoutOrElse({
        duration: readyMillisMax,
        orElse: () => Effect.fail(failure(`is not ready after ${readyMillisMax} ms`))
      })
    ),
    failure
  }
}

const saidOn = (child: ChildProcess, output: { readonly stderr: string }, what: RegExp) =>
  Effect.callback<string>((resume) => {
    const look = () => {
      if (!what.test(output.stderr)) return
      child.stderr?.off("data", look)
      resume(Effect.succeed(output.stderr))
    }
    child.stderr?.on("data", look)
    look()
    return Effect.sync(() => child.stderr?.off("data", look))
  })

const firstLineOf = (child: ChildProcess, output: { readonly stdout: string }) =>
  Effect.callback<string>((resume) => {
    const look = () => {
      const end = output.stdout.indexOf("\n")
      if (end < 0) return
      child.stdout?.off("data", look)
      resume(Effect.succeed(output.stdout.slice(0, end)))
    }
    child.stdout?.on("data", look)
    look()
    return Effect.sync(() => child.stdout?.off("data", look))
  })

/** Runs one command to its end. */
export const run = (...commandArguments: ReadonlyArray<string>) =>
  Effect.scoped(Effect.flatMap(start(commandArguments), ({ end }) => end))

/** The same, with something on stdin. */
export const runWithInput = (input: string, ...commandArguments: ReadonlyArray<string>) =>
  Effect.scoped(Effect.flatMap(start(commandArguments, { input }), ({ end }) => end))

export interface ServeOptions {
  readonly directory: string
  readonly nodeName: string
  readonly kekFile?: string
  readonly listen?: string
  /** None if left out: 64 MiB more to write for every node of a test. */
  readonly ballastBytes?: number
  /** Further arguments of `serve`. */
  readonly flags?: ReadonlyArray<string>
  readonly launch?: Launch
}

export const serveArguments = (options: ServeOptions): ReadonlyArray<string> => {
  const { ballastBytes = 0, directory, flags = [], kekFile, nodeName } = options
  return [
    "serve",
    ...["--data-dir", directory, "--name", nodeName],
    ...["--listen", options.listen ?? "127.0.0.1:0", "--ballast-bytes", `${ballastBytes}`],
    ...(kekFile === undefined ? [] : ["--kek-file", kekFile]),
    ...flags
  ]
}

/** A node that serves. */
export const serve = (options: ServeOptions) =>
  Effect.flatMap(start(serveArguments(options), options.launch), ready)

/** Returns once the process serves. */
export const ready = Effect.fnUntraced(function* (node: Running) {
  const line = yield* node.firstLine
  const { listen } = JSON.parse(line) as { readonly listen: string }
  const endpoint = Endpoint.parse(listen)
  if (endpoint === undefined) return yield* node.failure(`printed ${line} when it was ready`)
  return { ...node, endpoint, address: listen, readyLine: line }
})
