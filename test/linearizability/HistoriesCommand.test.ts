/** `npm run histories`: its last line and its exit code. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it, onTestFinished } from "vitest"

const script = join(import.meta.dirname, "../../scripts/histories.ts")
const read = (value: string) =>
  `INFO  jepsen.util - 0\t:invoke\t:read\tnil\nINFO  jepsen.util - 0\t:ok\t:read\t${value}\n`

const run = (files: Record<string, string>, ...more: ReadonlyArray<string>) => {
  const folder = mkdtempSync(join(tmpdir(), "sealog-histories-"))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const { status, stdout } = spawnSync(process.execPath, [script, "--dir", folder, ...more], {
    encoding: "utf8"
  })
  return { status, lines: stdout.trimEnd().split("\n") }
}

it("succeeds if all verdicts are right, and explains violations if asked", () => {
  const { lines, status } = run({ "a-ok.log": read("nil"), "b-bad.log": read("1") }, "--explain")
  expect(lines).toContain("b-bad.log: no order explains the answer of")
  expect(lines.at(-1)).toBe("2 right, 0 wrong, 0 undecided")
  expect(status).toBe(0)
})

it.each([
  [
    "a wrong verdict",
    { "a-ok.log": read("nil"), "b-ok.log": read("1") },
    "1 right, 1 wrong, 0 undecided"
  ],
  [
    "an unreadable file",
    { "a-ok.log": read("nil"), "b-ok.log": "?" },
    "1 right, 0 wrong, 0 undecided"
  ],
  [
    "a broken table",
    { "a-ok.log": read("nil"), "verdicts.json": "?" },
    "0 right, 0 wrong, 0 undecided"
  ],
  ["no history", {}, "0 right, 0 wrong, 0 undecided"]
])("fails with %s", (_name, files, lastLine) => {
  const { lines, status } = run(files as unknown as Record<string, string>)
  expect(lines.at(-1)).toBe(lastLine)
  expect(lines.length).toBeGreaterThan(1)
  expect(status).toBe(1)
})
