/**
 * The house rules that neither the compiler nor the linter knows.
 *
 * Each rule is a function over a path and a text; the last suite feeds every one of them a sample
 * that it must report and one that it must not. The length of functions is Biome's
 * (`noExcessiveLinesPerFunction` in biome.json); a file may suppress it only if it is listed here.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, posix } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { examplesAreUsers, importArrows, type Rule } from "./support/ImportRules.ts"

/** May only shrink: an entry whose file no longer breaks the rule fails the test. */
const exceptions: ReadonlyArray<{
  readonly path: string
  readonly rule: string
  readonly reason: string
}> = [
  {
    path: "test/tidy.test.ts",
    rule: "banned words",
    reason: "its samples are made of them"
  }
]

const everywhere = /^(src|test|bench|examples|scripts)\//
const source = /^src\//
const sourceAndTests = /^(src|test)\//

// ---- Words

interface BannedWord {
  readonly pattern: RegExp
  readonly appliesTo: RegExp
  readonly instead: string
}

const bannedWords: ReadonlyArray<BannedWord> = [
  { pattern: /\bas\s+any\b/, appliesTo: sourceAndTests, instead: "a type, or `unknown`" },
  { pattern: /@ts-(ignore|nocheck)\b/, appliesTo: sourceAndTests, instead: "@ts-expect-error" },
  { pattern: /\bDate\.now\b/, appliesTo: sourceAndTests, instead: "Effect's Clock" },
  { pattern: /\bMath\.random\b/, appliesTo: sourceAndTests, instead: "a seeded generator" },
  { pattern: /\bQueue\.unbounded\b/, appliesTo: sourceAndTests, instead: "a bounded queue" },
  {
    pattern: /\brunPromise/,
    appliesTo: /^src\/(?!main\.ts$)/,
    instead: "an effect that src/main.ts runs"
  },
  {
    pattern: /\b(new Date\(\)|performance\.now|setTimeout|setInterval|setImmediate|console\.)/,
    appliesTo: /^src\/domain\//,
    instead: "an input: the domain has no clock and no log"
  },
  {
    pattern:
      /\b(random(Bytes|Fill|FillSync|Int|UUID)|getRandomValues|generateKey(Sync|Pair|PairSync)?)\b/,
    appliesTo: /^src\/domain\//,
    instead: "random bytes as an input"
  },
  {
    pattern: /\b(it|test|describe|suite)(\.\w+)*\.only\b/,
    appliesTo: sourceAndTests,
    instead: "nothing: every test runs"
  },
  {
    pattern: /\b(it|test|describe|suite)(\.\w+)*\.(skip|skipIf|runIf|todo)\b/,
    appliesTo: sourceAndTests,
    instead: "`context.skip(condition, reason)`, which prints the reason"
  },
  {
    pattern: /\b(context|ctx|task)\.skip\((?![^)]*["'`]|[^)]*\b(reason|missing|why)\b)/,
    appliesTo: sourceAndTests,
    instead: "`context.skip(condition, reason)`"
  },
  { pattern: /biome-ignore-all\b/, appliesTo: everywhere, instead: "`biome-ignore` at one place" }
]

/** Comments may speak of a banned word; directives live in comments, so they are looked for there. */
const isComment = (line: string) => /^\s*(\/\/|\/?\*)/.test(line)

const bannedWordsRule: Rule = {
  name: "banned words",
  appliesTo: everywhere,
  report: (path, text) => {
    const words = bannedWords.filter(({ appliesTo }) => appliesTo.test(path))
    return text.split("\n").flatMap((line, index) =>
      words
        .filter(({ pattern }) => !isComment(line) || /@ts|biome/.test(pattern.source))
        .filter(({ pattern }) => pattern.test(line))
        .map(({ pattern, instead }) => `line ${index + 1} matches ${pattern}: use ${instead}`)
    )
  }
}

// ---- Shape of a file

const fileLinesMax = 400
/** The formatter keeps code at 100 columns, but leaves comments as they are. */
const commentColumnsMax = 110

const shortFiles: Rule = {
  name: "file length",
  appliesTo: everywhere,
  report: (_path, text) => {
    const count = text.trimEnd().split("\n").length
    return count > fileLinesMax ? [`${count} lines, more than ${fileLinesMax}`] : []
  }
}

const shortComments: Rule = {
  name: "comment width",
  appliesTo: everywhere,
  report: (_path, text) =>
    text.split("\n").flatMap((line, index) => {
      const columns = Array.from(line).length
      const isLong = isComment(line) && columns > commentColumnsMax
      return isLong ? [`line ${index + 1} is a comment of ${columns} columns`] : []
    })
}

const longFunctions: Rule = {
  name: "function length",
  appliesTo: everywhere,
  report: (_path, text) =>
    /biome-ignore\S*\s+lint(\/complexity(\/noExcessiveLinesPerFunction)?)?:/.test(text)
      ? ["suppresses noExcessiveLinesPerFunction"]
      : []
}

const headerComment: Rule = {
  name: "header comment",
  appliesTo: source,
  report: (_path, text) =>
    /^(#!.*\n)?\/\*\*/.test(text) ? [] : ["does not start with a comment that says what it is"]
}

const noBarrels: Rule = {
  name: "barrels",
  appliesTo: /^src\/(?!index\.ts$)/,
  report: (_path, text) =>
    /^export\s+(type\s+)?\*/m.test(text) ? ["re-exports a whole module"] : []
}

const namedPlaces: Rule = {
  name: "vague names",
  appliesTo: everywhere,
  report: (path) =>
    path
      .split("/")
      .filter((name) => /^(utils?|common|types?|helpers?|misc)(\.\w+)*$/i.test(name))
      .map((name) => `"${name}" does not say what is in it`)
}

const rules: ReadonlyArray<Rule> = [
  importArrows,
  examplesAreUsers,
  bannedWordsRule,
  shortFiles,
  shortComments,
  longFunctions,
  headerComment,
  noBarrels,
  namedPlaces
]

const findings = (rule: Rule, path: string, text: string): ReadonlyArray<string> =>
  rule.appliesTo.test(path) ? rule.report(path, text).map((finding) => `${path}: ${finding}`) : []

// ---- The tree

const root = join(import.meta.dirname, "..")

const files: ReadonlyArray<{ readonly path: string; readonly text: string }> = readdirSync(root)
  .filter((folder) => everywhere.test(`${folder}/`))
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(ts|mts|js|mjs)$/.test(name))
      .map((name) => posix.join(folder, name))
  )
  .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }))

describe("the tree is tidy", () => {
  it("is looked at", () => {
    expect(files.some(({ path }) => path === "src/domain/Ids.ts")).toBe(true)
    expect(files.some(({ path }) => path === "test/tidy.test.ts")).toBe(true)
  })

  it.each(rules)("$name", (rule) => {
    const isExcepted = (path: string) =>
      exceptions.some((exception) => exception.path === path && exception.rule === rule.name)
    const reports = files
      .filter(({ path }) => !isExcepted(path))
      .flatMap(({ path, text }) => findings(rule, path, text))
    expect(reports).toEqual([])
  })

  it("has no exception that is no longer needed", () => {
    const unneeded = exceptions.filter((exception) => {
      const rule = rules.find(({ name }) => name === exception.rule)
      const file = files.find(({ path }) => path === exception.path)
      return !rule || !file || findings(rule, file.path, file.text).length === 0
    })
    expect(unneeded).toEqual([])
  })
})

describe("the rules have teeth", () => {
  const core = "src/domain/raft/Raft.ts"
  const layer = "src/layers/Node.ts"
  const service = "src/services/Transport.ts"
  const suite = "test/domain/raft/Raft.test.ts"
  const example = "examples/embedded/main.ts"
  const header = "/** A file. */\n"
  const suppress = "biome-ignore"

  const bad: ReadonlyArray<readonly [rule: Rule, path: string, text: string]> = [
    [importArrows, core, 'import * as Effect from "effect/Effect"\n'],
    [importArrows, core, 'import type * as Effect from "effect/Effect"\n'],
    [importArrows, core, 'import {\n  Option,\n  type Clock as C\n} from "effect"\n'],
    [importArrows, core, 'import { RpcServer } from "effect/rpc"\n'],
    [importArrows, core, 'import * as Everything from "effect"\n'],
    [importArrows, core, 'import { readFileSync } from "node:fs"\n'],
    [importArrows, core, 'import "node:fs"\n'],
    [importArrows, core, 'const lmdb = await import("lmdb")\n'],
    [importArrows, core, 'import { Transport } from "../../services/Transport.ts"\n'],
    [importArrows, core, 'export { Transport } from "../../services/Transport.ts"\n'],
    [importArrows, service, 'import * as Node from "../layers/Node.ts"\n'],
    [importArrows, service, 'import { open } from "lmdb"\n'],
    [importArrows, layer, 'import { main } from "../main.ts"\n'],
    [importArrows, layer, 'import { seeded } from "../../test/support/Seed.ts"\n'],
    [importArrows, "src/server/Node.ts", header],
    [examplesAreUsers, example, 'import { Limits } from "../../src/domain/Limits.ts"\n'],
    [examplesAreUsers, example, 'export * from "../../test/support/Seed.ts"\n'],
    [bannedWordsRule, core, "const entry = value as any\n"],
    [bannedWordsRule, suite, "const entry = value as any\n"],
    [bannedWordsRule, layer, "// @ts-ignore\n"],
    [bannedWordsRule, layer, "// @ts-nocheck\n"],
    [bannedWordsRule, layer, "const now = Date.now()\n"],
    [bannedWordsRule, suite, "const seed = Math.random()\n"],
    [bannedWordsRule, layer, "const inbox = yield* Queue.unbounded<Message>()\n"],
    [bannedWordsRule, layer, "Effect.runPromise(program)\n"],
    [bannedWordsRule, core, "setTimeout(tick, 10)\n"],
    [bannedWordsRule, core, "console.log(state)\n"],
    [bannedWordsRule, core, "const nonce = randomBytes(12)\n"],
    [bannedWordsRule, suite, 'it.only("votes", () => {})\n'],
    [bannedWordsRule, suite, 'it.effect.only("votes", () => {})\n'],
    [bannedWordsRule, suite, 'describe.skip("votes", () => {})\n'],
    [bannedWordsRule, suite, 'it.skipIf(isSlow)("votes", () => {})\n'],
    [bannedWordsRule, suite, "context.skip()\n"],
    [bannedWordsRule, layer, `// ${suppress}-all lint: in a hurry\n`],
    [shortFiles, core, "x\n".repeat(fileLinesMax + 1)],
    [shortComments, core, `  // ${"x".repeat(commentColumnsMax)}\n`],
    [longFunctions, layer, `// ${suppress} lint/complexity/noExcessiveLinesPerFunction: long\n`],
    [longFunctions, layer, `// ${suppress} lint: long\n`],
    [headerComment, core, 'import * as Quorum from "./Quorum.ts"\n'],
    [noBarrels, core, 'export * from "./Quorum.ts"\n'],
    [noBarrels, core, 'export type * from "./Quorum.ts"\n'],
    [namedPlaces, "src/utils/Bytes.ts", header],
    [namedPlaces, "src/domain/raft/types.ts", header],
    [namedPlaces, "test/helpers/Cluster.ts", header]
  ]

  it.each(bad)("$0.name: $1 $2", (rule, path, text) => {
    expect(findings(rule, path, text)).not.toEqual([])
  })

  const good: ReadonlyArray<readonly [path: string, text: string]> = [
    [core, 'import * as Option from "effect/Option"\nimport * as Quorum from "./Quorum.ts"\n'],
    [core, 'import { Rpc, RpcGroup } from "effect/rpc"\nimport { crc32 } from "node:zlib"\n'],
    [core, "// Never Date.now: the tick is an input.\n"],
    [service, 'import * as Context from "effect/Context"\nimport "../domain/Ids.ts"\n'],
    [layer, 'import { open } from "lmdb"\nimport * as Quorum from "../domain/raft/Quorum.ts"\n'],
    ["src/main.ts", 'import * as Node from "./layers/Node.ts"\nNodeRuntime.runPromise(program)\n'],
    [example, 'import { Replica } from "../../src/index.ts"\nimport "./Ledger.ts"\n'],
    ["src/index.ts", 'export * from "./domain/Ids.ts"\n'],
    [suite, 'context.skip(isMissing, "no test data")\nEffect.runPromise(program)\n']
  ]

  it.each(good)("nothing: %s %s", (path, text) => {
    expect(rules.flatMap((rule) => findings(rule, path, header + text))).toEqual([])
  })

  it.each([
    [70, "accepts"],
    [71, "reports"]
  ] as const)("function length: of %i lines, Biome %s", (lines, verdict) => {
    const folder = mkdtempSync(join(tmpdir(), "sealog-tidy-"))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const only = "--only=complexity/noExcessiveLinesPerFunction"
    const file = join(folder, "Long.ts")
    writeFileSync(file, `export const long = () => {\n${"  work()\n".repeat(lines)}}\n`)
    const options = ["lint", `--config-path=${root}`, "--vcs-enabled=false", only, file]
    const biome = spawnSync("biome", options, { encoding: "utf8" })
    expect(biome.status, biome.stderr).toBe(verdict === "accepts" ? 0 : 1)
    expect(biome.stdout + biome.stderr).toContain(verdict === "accepts" ? "Checked 1" : "(71)")
  })
})
