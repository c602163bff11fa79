/** `npm run fuzz`: its last line, its exit code, and the command that makes a finding again. */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { expect, it } from "vitest"

const script = join(import.meta.dirname, "../../scripts/fuzz.ts")

const run = (...args: ReadonlyArray<string>) => {
  const { status, stdout } = spawnSync(process.execPath, [script, ...args], { encoding: "utf8" })
  return { status, lines: stdout.trimEnd().split("\n") }
}
const none = "inputs 0, decoders 0, crashes 0, hangs 0, untyped 0"

it("succeeds if every input has its verdict", () => {
  const { lines, status } = run("--decoder", "endpoint", "--inputs", "50")
  expect(lines[0]).toMatch(/^endpoint: 50 inputs, \d+ accepted, \d+ verdicts$/)
  expect(lines.slice(1)).toEqual(["inputs 50, decoders 1, crashes 0, hangs 0, untyped 0"])
  expect(status).toBe(0)
}, 60_000)

it("fails with a finding, which its command makes again", () => {
  const { lines, status } = run("--decoder", "throws", "--inputs", "200", "--seed", "3")
  // A decoder is given up after some findings; the inputs that it had are counted.
  const [, inputs] = /^throws: (\d+) inputs, /.exec(lines[0]!)!
  expect(Number(inputs)).toBeGreaterThan(0)
  const lastLine = `^inputs ${inputs}, decoders 1, crashes [1-9]\\d*, hangs 0, untyped 0$`
  expect(lines.at(-1)).toMatch(new RegExp(lastLine))
  expect(status).toBe(1)
  // What the first one is, its bytes, its command.
  const isCommand = (line: string) => line.includes("npm run -s fuzz -- ")
  const until = lines.findIndex(isCommand) + 1
  const again = lines[until - 1]!.split(" -- ")[1]!.split(" ")
  expect(run(...again).lines.slice(1, until)).toEqual(lines.slice(1, until))
}, 60_000)

it.each([
  ["--decoder", "nobody", /^--decoder is one of .*endpoint/],
  ["--inputs", "0", /^--inputs is a number from 1$/]
] as const)(
  "is refused with a sentence: %s %s",
  (option, value, sentence) => {
    const { lines, status } = run(option, value)
    expect(lines[0]).toMatch(sentence)
    expect(lines.slice(1)).toEqual([none])
    expect(status).toBe(1)
  },
  60_000
)
