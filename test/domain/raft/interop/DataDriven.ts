/**
 * Reads the data-driven test files of etcd-io/raft: where they are, and what is in them.
 *
 * They are not part of this repository: `RAFT_TESTDATA` names their folder, else
 * `../shared/raft-testdata` beside the checkout is used, and without it the tests skip and say so.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { resolve } from "node:path"

/** One directive: what to do, and the output that is expected. */
export interface Directive {
  readonly command: string
  /** Arguments in order; a bare one has no values. */
  readonly args: ReadonlyArray<Argument>
  readonly input: string
  readonly expected: string
  readonly line: number
}

export interface Argument {
  readonly key: string
  readonly values: ReadonlyArray<string>
}

export interface TestFile {
  readonly name: string
  readonly path: string
}

/** The files of one folder, or why there are none. */
export function filesOf(folder: "quorum" | "confchange" | "interaction"): {
  readonly files: ReadonlyArray<TestFile>
  readonly missing: string | undefined
} {
  const named = process.env.RAFT_TESTDATA
  const root = named ?? resolve(import.meta.dirname, "../../../../../shared/raft-testdata")
  const path = resolve(root, folder)
  if (!existsSync(path)) return { files: [], missing: `no ${folder} files: ${path} is absent` }
  const files = readdirSync(path)
    .filter((name) => name.endsWith(".txt"))
    .sort()
    .map((name) => ({ name: name.slice(0, -".txt".length), path: resolve(path, name) }))
  return { files, missing: undefined }
}

export const read = (file: TestFile): ReadonlyArray<Directive> =>
  parse(readFileSync(file.path, "utf8"))

const separator = "----"

/** Splits a file into its directives. */
export function parse(text: string): ReadonlyArray<Directive> {
  const lines = text.split("\n").map((line) => line.trimEnd())
  const directives: Array<Directive> = []
  let at = 0
  while (at < lines.length) {
    const head = lines[at]!
    const line = at + 1
    at++
    if (head === "" || head.startsWith("#")) continue
    const input: Array<string> = []
    while (at < lines.length && lines[at] !== separator) input.push(lines[at++]!)
    at++
    const expected: Array<string> = []
    if (lines[at] === separator) {
      // A doubled separator frames output that contains blank lines.
      at++
      while (!(lines[at] === separator && lines[at + 1] === separator)) expected.push(lines[at++]!)
      at += 2
    } else {
      while (at < lines.length && lines[at] !== "") expected.push(lines[at++]!)
    }
    directives.push({
      ...parseHead(head),
      input: input.join("\n"),
      expected: expected.join("\n"),
      line
    })
  }
  return directives
}

function parseHead(head: string): Pick<Directive, "command" | "args"> {
  const [command = "", ...args] = head.match(/[^\s=]+(=(\([^)]*\)|\S+))?/g) ?? []
  return { command, args: args.map(parseArgument) }
}

function parseArgument(argument: string): Argument {
  const equals = argument.indexOf("=")
  if (equals < 0) return { key: argument, values: [] }
  const value = argument.slice(equals + 1)
  const list = value.startsWith("(") ? value.slice(1, -1) : value
  return {
    key: argument.slice(0, equals),
    values: list.split(",").map((item) => item.trim())
  }
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
