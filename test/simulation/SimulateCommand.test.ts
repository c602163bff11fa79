/**
 * `npm run simulate`: its last line, its exit code, what it says of a failure, and that a campaign which
 * was stopped goes on. Real processes, with as few seeds as show it.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import * as Arguments from "../../scripts/simulate/Arguments.ts"
import * as Failure from "../../scripts/simulate/Failure.ts"
import * as Replay from "../../scripts/simulate/Replay.ts"
import type { Finding } from "../../scripts/simulate/Seed.ts"
import * as StateFile from "../../scripts/simulate/StateFile.ts"
import * as Totals from "../../scripts/simulate/Totals.ts"
import * as Program from "./Program.ts"
import { cells, states } from "./Simulation.ts"

const script = join(import.meta.dirname, "../../scripts/simulate.ts")

const run = (...args: ReadonlyArray<string>) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [script, ...args], {
    encoding: "utf8"
  })
  const lines = stdout.trimEnd().split("\n")
  return { status, stderr, stdout, lines, lastLine: lines.at(-1) }
}

const lastLine =
  /^seeds (\d+), violations (\d+), replay mismatches (\d+), faults (\d+) kinds, unreached (\d+)$/
const countsOf = (line: string | undefined) =>
  lastLine
    .exec(line ?? "")
    ?.slice(1)
    .map(Number)

const stateFile = () => {
  const folder = mkdtempSync(join(tmpdir(), "sealog-simulate-"))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return join(folder, "state.json")
}

/** It shows itself in each seed, and needs no fault: every fifth write does nothing on one node. */
const bug = "leavesOutEntry"

/** What counts as unreached is named, and nothing else. */
const expectNothingHidden = (lines: ReadonlyArray<string>) => {
  const [, , , kinds, unreached] = countsOf(lines.at(-1))!
  const counted = new Map(lines[0]!.split(", ").map((each) => each.split(" ") as [string, string]))
  const isReached = (what: string) => Number(counted.get(what) ?? 0) > 0
  expect(kinds).toBe(Program.kinds.filter(isReached).length)
  expect(kinds).toBeGreaterThan(0)
  const never = lines.at(-2)!.replace("never reached: ", "").split(", ")
  expect(never.length).toBe(unreached)
  const possible = new Set([...Program.kinds, ...states, ...cells.map(({ name }) => name)])
  expect(never.filter((what) => !possible.has(what) || isReached(what))).toEqual([])
}

/** Of a busy machine: a process takes a second of its own. */
const timeoutMillis = 120_000

describe("a campaign", () => {
  it(
    "without violations succeeds, names all that it never reached, and goes on",
    () => {
      const whole = run("--seeds", "2", "--seed", "35")
      expect(whole.status).toBe(0)
      expect(countsOf(whole.lastLine)!.slice(0, 3)).toEqual([2, 0, 0])
      expectNothingHidden(whole.lines)

      const file = stateFile()
      const first = run("--seeds", "1", "--seed", "35", "--resume", file)
      expect(countsOf(first.lastLine)!.slice(0, 3)).toEqual([1, 0, 0])
      // Seeds left out or run again would show in what was reached.
      expect(run("--seeds", "2", "--seed", "35", "--resume", file).stdout).toBe(whole.stdout)
      // Asked for fewer than there are, it counts those that there are.
      const done = run("--seeds", "1", "--seed", "35", "--resume", file)
      expect(done).toMatchObject({ status: 0, stdout: whole.stdout })
      const other = run("--seeds", "2", "--seed", "7", "--resume", file)
      expect(other).toMatchObject({ status: 1, stdout: "" })
      expect(other.stderr).toMatch(
        /^simulate: .* is of another campaign, --seed 35 --nodes 3: .*\n$/
      )
    },
    timeoutMillis
  )

  it(
    "with a violation fails, also when it is resumed, and tells how to see it again",
    () => {
      const file = stateFile()
      const whole = run("--seeds", "2", "--seed", "1", "--bug", bug)
      expect(whole.status).toBe(1)
      expect(countsOf(whole.lastLine)!.slice(0, 3)).toEqual([2, 2, 0])
      const again = `npm run -s simulate -- --seed 2 --nodes 3 --bug ${bug}`
      expect(whole.lines).toContain(`  again: ${again}`)
      const enough = whole.lines.find((line) => line.endsWith(`${again} --only none`))
      expect(enough).toMatch(/^ {2}none of \d+ faults is needed: npm/)
      run("--seeds", "1", "--seed", "1", "--bug", bug, "--resume", file)
      const resumed = run("--seeds", "2", "--seed", "1", "--bug", bug, "--resume", file)
      expect(resumed.status).toBe(1)
      expect(resumed.stdout).toBe(whole.stdout)
    },
    timeoutMillis
  )

  it("takes no file that is not its own", () => {
    const file = stateFile()
    writeFileSync(file, '{"seed":1,')
    const campaign = { seed: 1, nodes: 3, bug: undefined }
    expect(() => StateFile.read(file, campaign)).toThrow(/is not what a campaign has written/)
    StateFile.write(file, campaign, { totals: Totals.none, failures: [] })
    expect(StateFile.read(file, campaign)).toEqual({ totals: Totals.none, failures: [] })
    for (const other of [{ seed: 2 }, { nodes: 5 }, { bug }]) {
      expect(() => StateFile.read(file, { ...campaign, ...other })).toThrow(/of another campaign/)
    }
  })
})

describe("one seed alone", () => {
  it(
    "succeeds if nothing is violated, and ends with the last line too",
    () => {
      const { lastLine, lines, status } = run("--seed", "38")
      expect(status).toBe(0)
      expect(lines.at(-2)).toBe("nothing is violated")
      expect(countsOf(lastLine)!.slice(0, 3)).toEqual([1, 0, 0])
    },
    timeoutMillis
  )

  it(
    "fails with a violation, and shows the fewest faults",
    () => {
      const { lastLine, lines, status } = run("--seed", "2", "--bug", bug)
      expect(status).toBe(1)
      expect(countsOf(lastLine)!.slice(0, 3)).toEqual([1, 1, 0])
      const enough = lines.find((line) => line.includes("faults is needed: "))
      // What it says is a command that shows the same.
      const told = enough!.split(" simulate -- ")[1]!.split(" ")
      expect(told.slice(-2)).toEqual(["--only", "none"])
      const again = run(...told)
      expect(again.status).toBe(1)
      expect(countsOf(again.lastLine)!.slice(0, 2)).toEqual([1, 1])
      const invariants = [lines, again.lines].map((each) => / I\d+: /.exec(each.join("\n"))?.[0])
      expect(invariants[0]).toBe(invariants[1])
    },
    timeoutMillis
  )

  it("runs no faults that it does not have", () => {
    const beyond = () => Replay.replay({ seed: 38, nodes: 3, only: [999] })
    expect(beyond).toThrow(/^--only 999: the faults of this seed are 0 to \d+$/)
  })
})

describe("what is told of a failure", () => {
  const found: Finding = {
    seed: 7,
    violation: "I1: two leaders in term 3",
    isMismatch: false,
    kept: [1, 4],
    reached: [["crash", 2]],
    traceHash: 1,
    steps: 1,
    acknowledged: 0,
    reads: 0
  }

  it("is the violation, its command, and the faults that are enough", () => {
    const { faults } = Program.drawn(7, 5)
    const again = "npm run -s simulate -- --seed 7 --nodes 5"
    expect(Failure.textsOf({ seed: 7, nodes: 5 }, found)).toEqual([
      [
        "seed 7: I1: two leaders in term 3",
        `  again: ${again}`,
        `  2 of ${faults.length} faults are enough: ${again} --only 1,4`,
        `  ${Program.text(faults[1]!)}`,
        `  ${Program.text(faults[4]!)}`
      ].join("\n")
    ])
  })

  it("is that a seed was not the same twice, which fails as well", () => {
    const mismatch = { ...found, violation: undefined, isMismatch: true, kept: [] }
    expect(Failure.textsOf({ seed: 7, nodes: 3 }, mismatch)).toEqual([
      "seed 7: not the same twice; again: npm run -s simulate -- --seed 7 --nodes 3"
    ])
    const totals = Totals.withFinding(Totals.none, mismatch)
    expect(Totals.isGood(totals)).toBe(false)
    expect(countsOf(Totals.lastLineOf(totals))!.slice(0, 4)).toEqual([1, 0, 1, 1])
  })
})

describe("what makes no sense", () => {
  it(
    "is refused with one line on stderr, and exit code 1",
    () => {
      const { status, stderr, stdout } = run("--seed", "2", "--only")
      expect([status, stdout]).toEqual([1, ""])
      expect(stderr).toMatch(/^simulate: .*--only.*\n$/)
    },
    timeoutMillis
  )

  it.each<[string, RegExp]>([
    ["--seeds 0", /--seeds must be a whole number of at least 1/],
    ["--seed -1", /--seed/],
    ["--seed 1e3", /--seed must be a whole number/],
    ["--nodes 4", /--nodes must be 3 or 5/],
    ["--workers 0 --seeds 1", /--workers must be/],
    ["--only 3,x", /--only must be none, or positions of faults/],
    ["--only 3 --seeds 2", /--only is for one seed alone/],
    ["--resume f", /--resume goes with --seeds/],
    ["--resume f --seeds 2 --planted", /--resume goes with --seeds/],
    ["--bug none", /none is no planted bug/],
    ["--planted --bug none", /none is no planted bug/],
    ["--sed 4", /Unknown option/]
  ])("is %s", (args, says) => {
    expect(() => Arguments.parse(args.split(" "))).toThrow(says)
  })

  it("is nothing else", () => {
    expect(Arguments.parse(["--seed", "4", "--only", "0,3"])).toEqual({
      _tag: "Replay",
      options: { seed: 4, nodes: 3, bug: undefined, only: [0, 3] }
    })
    expect(Arguments.parse(["--only", "none"])).toMatchObject({ options: { seed: 1, only: [] } })
    expect(Arguments.parse(["--planted", "--bug", bug])).toMatchObject({
      _tag: "Planting",
      options: { bug, seedsMax: 2_000 }
    })
  })
})
