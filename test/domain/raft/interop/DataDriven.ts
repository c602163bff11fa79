/**
 * Reads files of cockroachdb's data-driven format, in which etcd-io/raft's test scripts are written.
 *
 * What must never happen here: a stanza that is there and not returned, or one that is guessed at. What
 * cannot be read is a {@link ParseFailure}. Proof: `Script.test.ts`.
 */

/** One stanza: what to do, and the output that is expected. */
export interface Directive {
  readonly command: string
  /** Arguments in order; a bare one has no values. */
  readonly args: ReadonlyArray<Argument>
  readonly input: string
  readonly expected: string
  /** Of its first line, from 1. */
  readonly line: number
}

export interface Argument {
  readonly key: string
  readonly values: ReadonlyArray<string>
}

/** Not in the format. */
export class ParseFailure extends Error {
  override readonly name = "ParseFailure"
  readonly line: number

  constructor(line: number, reason: string) {
    super(`line ${line}: ${reason}`)
    this.line = line
  }
}

/** A command that no interpreter of these files knows. */
export class UnknownCommand extends Error {
  override readonly name = "UnknownCommand"

  constructor(command: string) {
    super(`unknown command ${command}`)
  }
}

const separator = "----"

/** Splits a file into its stanzas. Throws {@link ParseFailure}. */
export function parse(text: string): ReadonlyArray<Directive> {
  const lines = text.split("\n").map((line) => line.trimEnd())
  const directives: Array<Directive> = []
  let at = 0
  while (at < lines.length) {
    const line = at + 1
    let head = lines[at++]!
    if (head === "" || head.startsWith("#")) continue
    while (head.endsWith("\\") && at < lines.length) {
      head = `${head.slice(0, -1).trimEnd()} ${lines[at++]!.trim()}`
    }
    const input = upTo(lines, at, line)
    const output = outputOf(lines, input.next, line)
    at = output.next
    directives.push({ ...parseHead(head, line), input: input.text, expected: output.text, line })
  }
  return directives
}

interface Piece {
  readonly text: string
  /** The first line after it. */
  readonly next: number
}

function upTo(lines: ReadonlyArray<string>, from: number, line: number): Piece {
  const end = lines.indexOf(separator, from)
  if (end < 0) throw new ParseFailure(line, `no ${separator} follows`)
  return { text: lines.slice(from, end).join("\n"), next: end + 1 }
}

/** Until a blank line; or, after a doubled separator, until the next doubled one. */
function outputOf(lines: ReadonlyArray<string>, from: number, line: number): Piece {
  if (lines[from] !== separator) {
    const blank = lines.indexOf("", from)
    const end = blank < 0 ? lines.length : blank
    return { text: lines.slice(from, end).join("\n"), next: end }
  }
  let end = from + 1
  while (!(lines[end] === separator && lines[end + 1] === separator)) {
    if (end >= lines.length) throw new ParseFailure(line, `the doubled ${separator} has no end`)
    end++
  }
  return { text: lines.slice(from + 1, end).join("\n"), next: end + 2 }
}

const argument = /^[^\s=()]+(=(\([^()]*\)|[^\s()]*))?$/

function parseHead(head: string, line: number): Pick<Directive, "command" | "args"> {
  const [command = "", ...args] = head.match(/[^\s=]+=\([^)]*\)|\S+/g) ?? []
  const unreadable = [command, ...args].find((token) => !argument.test(token))
  if (unreadable !== undefined) throw new ParseFailure(line, `cannot read ${unreadable}`)
  return { command, args: args.map(parseArgument) }
}

function parseArgument(token: string): Argument {
  const equals = token.indexOf("=")
  if (equals < 0) return { key: token, values: [] }
  const value = token.slice(equals + 1)
  const list = value.startsWith("(") ? value.slice(1, -1) : value
  return { key: token.slice(0, equals), values: list.split(",").map((item) => item.trim()) }
}

/** The values of `key=…`, or none. */
export const valuesOf = (directive: Directive, key: string): ReadonlyArray<string> =>
  directive.args.find((argument) => argument.key === key)?.values ?? []

/** The only value of `key=…`. */
export const valueOf = (directive: Directive, key: string): string | undefined =>
  valuesOf(directive, key)[0]

/** The arguments without values. */
export const bareArguments = (directive: Directive): ReadonlyArray<string> =>
  directive.args.filter(({ values }) => values.length === 0).map(({ key }) => key)
