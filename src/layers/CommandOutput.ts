/**
 * What the commands print: with `--json` one line of JSON for programs, else short text for people.
 *
 * stdout carries answers only; logs and errors go to stderr. A line counts as printed once the
 * operating system has it, so that an exit right after it cannot cut it off.
 */

import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"

/** `--json`, on every command. */
export const Json = GlobalFlag.Setting("json")({
  flag: Flag.Boolean("json").pipe(
    Flag.withDescription("Print one line of JSON on stdout"),
    Flag.withDefault(false)
  )
})

/** Nobody reads any more (`| head`): there is nothing left to say and nobody to say it to. */
const isClosed = () => {}

const outliveReader = (stream: NodeJS.WriteStream) => {
  // Stays: the event may come after the write has been called back.
  if (!stream.listeners("error").includes(isClosed)) stream.on("error", isClosed)
}

const write = (stream: NodeJS.WriteStream, text: string) =>
  Effect.callback<void>((resume) => {
    outliveReader(stream)
    stream.write(text, () => resume(Effect.void))
  })

/** One line on stdout. */
export const line = (text: string): Effect.Effect<void> => write(process.stdout, `${text}\n`)

/** One line of the log on stderr; does not wait. */
export const log = (text: string): void => {
  outliveReader(process.stderr)
  process.stderr.write(`${text}\n`)
}

/** One line on stderr, whatever line breaks the text has. */
export const complain = (text: string): Effect.Effect<void> =>
  write(process.stderr, `sealog: ${text.replace(/\s+/g, " ").trim()}\n`)

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

/** The bytes as text if they are UTF-8, else `undefined`. */
export const utf8 = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
