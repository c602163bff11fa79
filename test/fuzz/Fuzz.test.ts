/** A short run over every decoder, and that the fuzzer finds what is wrong on purpose. */
import { describe, expect, it } from "vitest"
import * as Campaign from "./Campaign.ts"
import * as DecoderList from "./DecoderList.ts"
import * as PlantedDecoders from "./PlantedDecoders.ts"
import * as Supervisor from "./Supervisor.ts"

const inputs = 1_000

describe("every decoder", () => {
  // In this process, so that a seed costs no process; a hang ends by the time-out of the test.
  it.each(DecoderList.decoders.map((decoder) => [decoder.name, decoder] as const))(
    "%s has a typed verdict for every input",
    (_, decoder) => {
      const outcome = Campaign.run(decoder, { seed: 1, inputs })
      expect(outcome.findings).toEqual([])
      expect(outcome.accepted).toBeGreaterThanOrEqual(decoder.seeds.length)
      expect(outcome.reached).toBeGreaterThan(1)
    }
  )
})

describe("a run", () => {
  const decoder = DecoderList.decoders[0]!
  const inputsOf = (options: { readonly seed: number; readonly inputs: number }) => {
    const seen: Array<string> = []
    const watch = (_: number, bytes: Uint8Array) => seen.push(Buffer.from(bytes).toString("hex"))
    Campaign.run(decoder, { ...options, watch })
    return seen
  }

  it("is the same again for the same seed, however many inputs follow, and another for another", () => {
    const first = inputsOf({ seed: 5, inputs: 400 })
    expect(inputsOf({ seed: 5, inputs: 800 }).slice(0, 400)).toEqual(first)
    expect(inputsOf({ seed: 6, inputs: 400 })).not.toEqual(first)
  })
})

describe("the fuzzer has teeth", () => {
  const options = { seed: 1, inputs: 3_000, hangMillis: 500 }

  it.each<readonly [planted: string, kind: Campaign.Kind, says: RegExp]>([
    ["throws", "crash", /threw RangeError/],
    ["hangs", "hang", /no verdict/],
    ["allocates", "crash", /bytes of memory|threw|ended the process/],
    ["collects", "crash", /bytes of memory|threw|ended the process/],
    ["dies", "crash", /ended the process: SIGKILL/],
    ["two-spellings", "untyped", /second spelling/],
    ["undeclared", "untyped", /refuses with RangeError/],
    ["in-pieces", "untyped", /two verdicts/]
  ])("finds one that is planted: %s", async (planted, kind, says) => {
    const { findings } = await Supervisor.run(planted, options)
    const found = findings.find((finding) => finding.kind === kind)
    expect(found?.says).toMatch(says)
    // The bytes are told, so that the input can be made a test.
    expect(found?.hex).toMatch(/^([0-9a-f]{2})*$/)
  })

  it.each<readonly [planted: string, bytes: RegExp]>([
    // Steps of 0 and something to count down; more bytes than the seed has.
    ["hangs", /^00.{6}(?!00)../],
    ["dies", /^(?=.*[1-9a-f]).{20,}$/]
  ])("tells of which input a process had no verdict: %s", async (planted, bytes) => {
    const { findings } = await Supervisor.run(planted, options)
    expect(findings.length).toBeGreaterThan(0)
    for (const { hex } of findings) expect(hex).toMatch(bytes)
  })

  it("finds nothing in one that is right", async () => {
    const outcome = await Supervisor.run("right", { ...options, hangMillis: 15_000 })
    expect(outcome).toMatchObject({ inputs: options.inputs, findings: [] })
    expect(outcome.accepted).toBeGreaterThan(0)
  })

  it("finds a seed that is refused", () => {
    const right = PlantedDecoders.decoders[0]!
    const { findings } = Campaign.run({ ...right, seeds: [Buffer.of(1)] }, { seed: 1, inputs: 1 })
    expect(findings.map(({ says }) => says)).toEqual([expect.stringMatching(/its own seed/)])
  })
})
