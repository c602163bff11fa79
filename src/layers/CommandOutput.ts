/**
 * What the commands print: with `--json` one line of JSON for programs, else short text for people.
 *
 * stdout carries answers only; logs and errors go to stderr. A line counts as printed once the
 * operating system has it, so that an exit right after it cannot cut it off.
 */

import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

/** `--json`, on every command. */
export const Json = GlobalFlag.Setting("json")({
  flag: Flag.Boolean("json").pipe(
    Flag.withDescription("Print one line of JSON on stdout"),
    Flag.withDefault(false)
  )
})

/** A full disk, say. What the command was to do is done. */
export class OutputFailure extends Data.TaggedError("OutputFailure")<{ readonly cause: Error }> {
  override get message() {
    return `the answer could not be written to stdout (${this.cause.message}); the command itself was carried out, make room before you ask again`
  }
}

/** What a write says is told to who writes; the event says it again. */
const isSaidAlready = () => {}

const listen = (stream: NodeJS.WriteStream) => {
  // Stays: the event may come after the write has been called back.
  if (!stream.listeners("error").includes(isSaidAlready)) stream.on("error", isSaidAlready)
}

/** Nobody reads any more (`| head`): there is nothing left to say and nobody to say it to. */
const isClosed = (error: Error) => "code" in error && error.code === "EPIPE"

const write = (stream: NodeJS.WriteStream, text: string) =>
  Effect.callback<void, OutputFailure>((resume) => {
    listen(stream)
    stream.write(text, (error) => {
      const isWritten = !(error instanceof Error) || isClosed(error)
      resume(isWritten ? Effect.void : Effect.fail(new OutputFailure({ cause: error })))
    })
  })

/** One line on stdout. */
export const line = (text: string): Effect.Effect<void, OutputFailure> =>
  write(process.stdout, `${text}\n`)

/** One line of the log on stderr; does not wait. */
export const log = (text: string): void => {
  listen(process.stderr)
  process.stderr.write(`${text}\n`)
}

/** One line on stderr, whatever line breaks the text has; lost if stderr cannot be written either. */
export const complain = (text: string): Effect.Effect<void> =>
  Effect.ignore(write(process.stderr, `sealog: ${text.replace(/\s+/g, " ").trim()}\n`))

/** The answer of a command, in the form that was asked for. */
export const answer = Effect.fnUntraced(function* (forms: {
  readonly json: unknown
  readonly text: string
}) {
  return yield* line((yield* Json) ? JSON.stringify(forms.json) : forms.text)
})

/** `name: value` lines with the values aligned. */
export const table = (
  rows: ReadonlyArray<readonly [name: string, value: string | number | boolean]>
): string => {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${`${name}:`.padEnd(width + 2)}${value}`).join("\n")
}

/** Rows in columns, as wide as their widest cell; the first row is the heading. */
export const columns = (rows: ReadonlyArray<ReadonlyArray<string | number>>): string => {
  const texts = rows.map((row) => row.map(String))
  const widths = (texts[0] ?? []).map((_, column) =>
    Math.max(...texts.map((row) => row[column]?.length ?? 0))
  )
  return texts
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}

/** The bytes as text if they are UTF-8, else `undefined`. */
export const utf8 = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** For JSON: the text if there is one, and always base64. */
export const inBothForms = <Name extends string>(name: Name, bytes: Uint8Array) => {
  const text = utf8(bytes)
  return {
    ...(text === undefined ? {} : { [name]: text }),
    [`${name}Base64`]: Buffer.from(bytes).toString("base64")
  }
}

/** A stored value, for JSON. */
export const found = (stored: {
  readonly value: Uint8Array
  readonly revision: number
  readonly createRevision: number
}) => ({
  ...inBothForms("value", stored.value),
  revision: stored.revision,
  createRevision: stored.createRevision
})

/** On one line and in one column: quoted where it has control characters, base64 if it is no text. */
export const printable = (bytes: Uint8Array): string => {
  const text = utf8(bytes)
  if (text === undefined) {
    return `(${bytes.length} bytes, not UTF-8, in base64) ${Buffer.from(bytes).toString("base64")}`
  }
  return /\p{Cc}/u.test(text) ? JSON.stringify(text) : text
}
