/** Recorded histories: the reading of both formats, and all of a folder whose verdicts are known. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import * as EventLines from "./EventLines.ts"
import * as HistoryFiles from "./HistoryFiles.ts"
import * as JepsenLog from "./JepsenLog.ts"

const log = (...events: ReadonlyArray<string>) =>
  events.map((event) => `INFO  jepsen.util - ${event}\n`).join("")

const rightLog = log("0\t:invoke\t:write\t1", "0\t:ok\t:write\t1", "1\t:invoke\t:read\tnil").concat(
  log("1\t:ok\t:read\t1")
)
const staleLog = rightLog.replace(":read\t1", ":read\tnil")
const rightLines = `{:process 0, :type :invoke, :f :put, :key "k", :value "v"}
{:process 0, :type :ok, :f :put, :key "k", :value "v"}
{:process 0, :type :invoke, :f :get, :key "k", :value nil}
{:process 0, :type :ok, :f :get, :key "k", :value "v"}
`

describe("a log of Jepsen's", () => {
  it("is read event by event", () => {
    const text = log(
      "0\t:invoke\t:read\tnil",
      "1\t:invoke\t:cas\t[1 2]",
      "0\t:ok\t:read\tnil",
      "1\t:fail\t:cas\t[1 2]",
      "1\t:invoke\t:write\t3",
      "0\t:invoke\t:cas\t[3 4]",
      "1\t:info\t:write\t:timed-out",
      "0\t:ok\t:cas\t[3 4]",
      "2\t:invoke\t:read\tnil",
      "2\t:fail\t:read\t:timed-out",
      "3\t:invoke\t:write\t5"
    )
    const call = (
      client: string,
      invokedAt: number,
      input: object,
      at?: number,
      output?: object
    ) => ({
      client,
      input,
      invokedAt,
      returned: at === undefined ? undefined : { at, output }
    })
    expect(JepsenLog.parse(text)).toEqual([
      call("0", 1, { _tag: "Read" }, 3, { _tag: "Value", value: undefined }),
      call("1", 2, { _tag: "CompareAndSet", expected: 1, value: 2 }, 4, {
        _tag: "Compared",
        isSet: false
      }),
      call("1", 5, { _tag: "Write", value: 3 }),
      call("0", 6, { _tag: "CompareAndSet", expected: 3, value: 4 }, 8, {
        _tag: "Compared",
        isSet: true
      }),
      call("3", 11, { _tag: "Write", value: 5 })
    ])
  })

  it.each([
    ["no event", "INFO  jepsen.core - starting\n"],
    ["an unknown operation", log("0\t:invoke\t:swap\t1")],
    ["an unknown type", log("0\t:invoke\t:read\tnil", "0\t:maybe\t:read\tnil")],
    ["no number", log("0\t:invoke\t:write\tone")],
    ["an answer to nobody", log("0\t:ok\t:read\tnil")],
    ["an answer to something else", log("0\t:invoke\t:read\tnil", "0\t:ok\t:write\t1")],
    ["an answer of another value", log("0\t:invoke\t:write\t1", "0\t:ok\t:write\t2")],
    ["two calls at once", log("0\t:invoke\t:read\tnil", "0\t:invoke\t:read\tnil")]
  ])("with %s is refused, naming the line", (_name, text) => {
    expect(() => JepsenLog.parse(text)).toThrow(/^line \d+ /)
  })
})

describe("a history of event lines", () => {
  it("is read event by event", () => {
    expect(EventLines.parse(rightLines)).toEqual([
      {
        client: "0",
        input: { _tag: "Put", key: "k", value: "v" },
        invokedAt: 1,
        returned: { at: 2, output: { _tag: "Done" } }
      },
      {
        client: "0",
        input: { _tag: "Get", key: "k" },
        invokedAt: 3,
        returned: { at: 4, output: { _tag: "Value", value: "v" } }
      }
    ])
  })

  it("takes quotes and backslashes in a string as they were meant", () => {
    const text = rightLines.replaceAll('"v"', '"a \\"b\\" \\\\ c"')
    expect(EventLines.parse(text)[0]?.input).toMatchObject({ value: 'a "b" \\ c' })
  })

  it("knows unknown and failed outcomes", () => {
    const text = rightLines.replace(":type :ok, :f :put", ":type :info, :f :put")
    expect(EventLines.parse(text)[0]?.returned).toBeUndefined()
    expect(EventLines.parse(text.replace(":type :info", ":type :fail"))).toHaveLength(1)
  })

  it.each([
    ["no event", "{:process 0}\n"],
    ["a get that asks for a value", rightLines.replace(":value nil", ':value "v"')],
    [
      "an answer of another key",
      rightLines.replace('get, :key "k", :value "v"', 'get, :key "l", :value "v"')
    ],
    ["an answer without a value", rightLines.replace(/"v"\}\n$/, "nil}\n")],
    ["an answer of another value", rightLines.replace('"v"', '"w"')],
    ["a string that is none", rightLines.replaceAll('"v"', '"\\q"')]
  ])("with %s is refused, naming the line", (_name, text) => {
    expect(() => EventLines.parse(text)).toThrow(/^line \d+ /)
  })
})

/** Of these files, until the test ends. */
const folderOf = (files: Record<string, string>): string => {
  const folder = mkdtempSync(join(tmpdir(), "sealog-histories-"))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

describe("a folder", () => {
  it("is judged by the names of its files and by its tables, whatever the kind", () => {
    const folder = folderOf({
      "README.md": "what this is",
      "a/one-ok.txt": rightLines,
      "a/two-bad.txt": rightLog,
      "b/three.log": staleLog,
      "b/four.log": rightLog,
      "b/verdicts.json": '{"three.log": false, "four.log": true}'
    })
    const found = HistoryFiles.filesOf(folder).map((name) => [
      name,
      HistoryFiles.judge(folder, name)._tag
    ])
    expect(found).toEqual([
      ["a/one-ok.txt", "Right"],
      ["a/two-bad.txt", "Wrong"],
      ["b/four.log", "Right"],
      ["b/three.log", "Right"]
    ])
  })

  it.each([
    ["a file of no known kind", { "x-ok.txt": "once upon a time" }, /begins like no history/],
    ["an empty file", { "x-ok.txt": "" }, /begins like no history/],
    ["a file that breaks off", { "x-ok.txt": rightLog.slice(0, -20) }, /^line 4 /],
    ["a file that nobody judged", { "x.txt": rightLines }, /nobody says/],
    ["a file that is judged and not there", { "verdicts.json": '{"x.log": true}' }, /ENOENT/]
  ])("with %s has a finding", (_name, files, why) => {
    const folder = folderOf(files as unknown as Record<string, string>)
    const findings = HistoryFiles.filesOf(folder).map((name) => HistoryFiles.judge(folder, name))
    expect(findings).toEqual([{ _tag: "Unreadable", why: expect.stringMatching(why) }])
  })

  it("with a table that is none is refused", () => {
    expect(() => HistoryFiles.filesOf(folderOf({ "verdicts.json": '{"x": 1}' }))).toThrow(
      /no table/
    )
  })
})

describe("the recorded histories", () => {
  const folder = HistoryFiles.defaultFolder()
  const files = HistoryFiles.filesOf(folder)
  if (files.length === 0) {
    it("are not there", (context) => context.skip(`no histories in ${folder}`))
  }

  it.for(files)("%s", (name) => {
    expect(HistoryFiles.judge(folder, name)).toMatchObject({ _tag: "Right" })
  })
})
