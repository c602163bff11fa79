import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it, onTestFinished } from "vitest"
import * as Script from "./Script.ts"

const verdicts = (text: string) => Script.run(text).map(({ verdict }) => verdict)
const only = (text: string) => {
  const stanzas = Script.run(text)
  expect(stanzas).toHaveLength(1)
  return stanzas[0]!
}

const right = "committed cfg=(1,2,3) idx=(10,20,_)\n----\n10\n"
const wrong = "committed cfg=(1,2,3) idx=(10,20,_)\n----\n20\n"

describe("a script of etcd's", () => {
  it("passes where the result is the expected one, and fails where it is not", () => {
    expect(verdicts(`# a comment\n${right}\n${wrong}\n${right}`)).toEqual([
      "passed",
      "failed",
      "passed"
    ])
  })

  it("is stateful within a file", () => {
    const script = [
      "simple\nv1\n----\nvoters=(1)\n1: StateProbe match=0 next=1\n",
      "simple\nv2\n----\nvoters=(1 2)\n1: StateProbe match=0 next=1\n2: StateProbe match=0 next=1\n",
      "simple\nv3 v4\n----\nmore than one voter changed without entering joint config\n"
    ]
    const expected = ["passed", "passed", "passed"]
    const stanzas = Script.run(script.join("\n"))
    expect(stanzas.map(({ reason }) => reason).filter((reason) => reason !== "")).toEqual([])
    expect(stanzas.map(({ verdict }) => verdict)).toEqual(expected)
    expect(verdicts(script[1]!)).toEqual(["failed"])
  })

  it("compares interactions without log lines, and everything else", () => {
    const add = "add-nodes 1 voters=(1) index=2\n----\nINFO any wording\n"
    const log = (is: string) => `raft-log 1\n----\n${is}\n`
    const empty = "log is empty: first index=3, last index=2"
    expect(verdicts(`${add}\n${log(empty)}`)).toEqual(["passed", "passed"])
    expect(verdicts(`${add}\n${log(`${empty} or so`)}`)).toEqual(["passed", "failed"])
  })

  it("fails at what nobody knows", () => {
    expect(only("dance 1\n----\nok\n")).toMatchObject({ verdict: "failed", command: "dance" })
    expect(verdicts(`${right}\ndance 1\n----\nok\n`)).toEqual(["passed", "failed"])
    expect(only("raft-log 7\n----\nok\n").reason).toContain("a node that is not there")
    expect(only("simple\nx1\n----\nvoters=(1)\n")).toMatchObject({ verdict: "failed" })
  })

  it.each([
    ["no separator", "committed cfg=(1) idx=(1)\n1\n"],
    ["an open bracket", "committed cfg=(1 idx=1\n----\n1\n"],
    ["an open frame", "committed cfg=(1) idx=(1)\n----\n----\n1\n"]
  ])("fails where the file cannot be read: %s", (_name, text) => {
    expect(only(text)).toMatchObject({ verdict: "failed", line: 1 })
  })

  it("reads framed output and continued lines", () => {
    const framed = "committed cfg=(1) \\\n  idx=(5)\n----\n----\na picture\n\n5\n----\n----\n"
    expect(verdicts(`${framed}\n${right}`)).toEqual(["passed", "passed"])
  })

  it("skips what is left out on purpose, and what comes after it in the file", () => {
    const async = "add-nodes 1 voters=(1) async-storage-writes=true\n----\nok\n"
    const stanzas = Script.run(`${async}\nraft-log 1\n----\nok\n`)
    expect(stanzas.map(({ verdict }) => verdict)).toEqual(["skipped", "skipped"])
    expect(stanzas[1]!.reason).toContain("async-storage-writes")
  })
})

describe("npm run interop", () => {
  const program = fileURLToPath(new URL("../../../../scripts/interop.ts", import.meta.url))
  const run = (files: Readonly<Record<string, string>>) => {
    const directory = mkdtempSync(join(tmpdir(), "sealog-interop-"))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    mkdirSync(join(directory, "more"))
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
    const ended = spawnSync(process.execPath, [program, "--dir", directory], { encoding: "utf8" })
    return { code: ended.status, last: ended.stdout.trimEnd().split("\n").at(-1) }
  }

  it("exits 0 only if all that was there has passed", () => {
    expect(run({ "a.txt": right, "more/b.txt": `${right}\n${right}` })).toEqual({
      code: 0,
      last: "files 2 passed, stanzas 3 passed, 0 failed, 0 skipped"
    })
    expect(run({ "a.txt": right, "b.txt": `${right}\n${wrong}` })).toEqual({
      code: 1,
      last: "files 1 passed, stanzas 2 passed, 1 failed, 0 skipped"
    })
  })

  it.each([{}, { "README.md": right }, { "a.txt": "# nothing\n" }])(
    "exits 1 for a folder without stanzas: %j",
    (files) => {
      expect(run(files)).toEqual({
        code: 1,
        last: "files 0 passed, stanzas 0 passed, 0 failed, 0 skipped"
      })
    }
  )
})
