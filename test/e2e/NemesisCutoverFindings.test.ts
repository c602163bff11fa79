/** What the nemesis says of a cutover that is not as it must be, on nodes and files made by hand. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { electionMillis } from "../../scripts/cluster/ElectionTimeouts.ts"
import { Canaries, type Search } from "../../scripts/nemesis/Canaries.ts"
import * as Clients from "../../scripts/nemesis/Clients.ts"
import * as Findings from "../../scripts/nemesis/CutoverFindings.ts"
import * as CutoverPlan from "../../scripts/nemesis/CutoverPlan.ts"
import type { Call } from "../../scripts/nemesis/History.ts"
import type { Place } from "../../scripts/nemesis/Nodes.ts"
import { Recorder } from "../../scripts/nemesis/Recorder.ts"
import * as Report from "../../scripts/nemesis/Report.ts"
import { CutoverInFlight } from "../../src/domain/encryption/Errors.ts"
import type { Revision } from "../../src/domain/Ids.ts"
import * as RpcSession from "../../src/layers/RpcSession.ts"

const view: Findings.View = {
  nodeName: "n1",
  phase: 2,
  cutoverIndex: 70,
  isBarrierClosed: false,
  isWrapFlagSet: true,
  answeredIndex: 70
}
const nowhere = { inLog: false, inState: false }
const search: Search = {
  nodeName: "n1",
  plainValue: { inLog: true, inState: true },
  sealedValue: nowhere,
  sealedKey: { inLog: false, inState: true },
  isTold: false
}
const good = {
  cutoverIndex: 70,
  views: [view],
  searches: [search]
}

describe("a cutover", () => {
  it("that is as it must be has no finding", () => {
    expect(Findings.findings(good)).toEqual([])
  })

  it.each([
    [{ cutoverIndex: 71 }, "n1 has cutover index 71, and 70 was answered"],
    [{ phase: 1 }, "n1 is in phase 1"],
    [{ answeredIndex: 71 }, "n1 answered 71 when asked again"],
    [{ isBarrierClosed: true }, "the barrier of n1 is closed"],
    [{ isWrapFlagSet: false }, "the wrap flag of n1 is not set"]
  ])("of which a node says %j is reported", (change, finding) => {
    const views = [view, { ...view, ...change }]
    expect(Findings.findings({ ...good, views })).toEqual([expect.stringContaining(finding)])
  })
})

describe("of what clients are told", () => {
  const call = (isInSession: boolean, reason: string): Call => ({
    ...{ client: "c", writes: [], isInSession, invokedAt: 0 },
    end: { _tag: "Unknown", reason }
  })
  const rightly = ["ConnectionLost", "EndpointUnreachable", "LeaderLost", "ProposalSuperseded"]
  const wrongly = ["CutoverInFlight", "LeaderNotReady", "NotLeader", "ProposalTimedOut", "Anything"]
  const errorsOf = (...given: ReadonlyArray<Call>) => Findings.clientErrors(given, [])

  it("a session's write that failed is a client error; of one that was cut off nobody knows", () => {
    expect(errorsOf(call(true, "ConnectionLost: x"), call(true, "in flight"))).toEqual([
      "c: ConnectionLost: x"
    ])
  })

  it.each(wrongly)("%s is one, to whomever", (tag) => {
    expect(errorsOf(call(false, `${tag}: x`))).toEqual([`c: ${tag}: x`])
    const attempts = [{ client: "c", reason: `${tag}: x` }]
    expect(Findings.clientErrors([], attempts)).toEqual([`an attempt of c: ${tag}: x`])
  })

  it.each(rightly)("%s is none to who asks once", (tag) => {
    expect(errorsOf(call(false, `${tag}: x`), call(false, "in flight"))).toEqual([])
    expect(Findings.clientErrors([], [{ client: "c", reason: `${tag}: x` }])).toEqual([])
  })

  it.each(["put", "delete", "txn", "openSession"] as const)(
    "what a session rides out is noted: %s",
    async (refused) => {
      const recorder = new Recorder()
      let refusals = 1
      const answer = <A>(of: string, value: A) =>
        Effect.suspend(() =>
          of === refused && refusals-- > 0
            ? Effect.fail(new CutoverInFlight({}))
            : Effect.succeed(value)
        )
      const revision = 1 as Revision
      const writing = {
        put: () => answer("put", { revision }),
        delete: () => answer("delete", { revision, deleted: true }),
        txn: () => answer("txn", { revision, succeeded: true, results: [] }),
        openSession: () => answer("openSession", undefined)
      } as unknown as RpcSession.Writing
      const written = Effect.gen(function* () {
        const session = yield* RpcSession.make(Clients.noted(writing, "s", recorder))
        yield* session.put("k", "v")
        yield* session.delete("k")
        yield* session.txn({ compares: [], onSuccess: [], onFailure: [] })
      })
      await Effect.runPromise(written)
      expect(Findings.clientErrors(recorder.calls, recorder.failedAttempts)).toEqual([
        expect.stringContaining("an attempt of s: CutoverInFlight")
      ])
    }
  )
})

describe("how soon writes flow again after a kill of the leader", () => {
  const episode = (fault: "kill" | "pause", flowMillis: number | undefined) => ({
    ...{ flowMillis, plan: { ...CutoverPlan.make(1, 3), fault } }
  })
  const kills = (...millis: ReadonlyArray<number>) => millis.map((each) => episode("kill", each))
  const limit = 2 * electionMillis
  const inTime = kills(...Array.from({ length: 4 }, () => 1))
  const late = kills(...Array.from({ length: 4 }, () => 10 * limit))

  it("is bounded by the median of nine kills or more", () => {
    expect(Report.tooSlow([...inTime, ...kills(limit), ...late])).toEqual([])
    expect(Report.tooSlow([...inTime, ...kills(limit + 10), ...late])).toEqual([
      "TOO SLOW: after 9 kills writes flowed again after 2.01 election time-outs in the median, more than 2"
    ])
  })

  it("is bounded by nothing if there are fewer, whatever else was measured", () => {
    const others = Array.from({ length: 9 }, () => episode("pause", 10 * limit))
    const unreached = episode("kill", undefined)
    expect(Report.tooSlow([...late, ...late, unreached, ...others])).toEqual([])
  })
})

describe("the canaries", () => {
  let directory: string
  const canaries = new Canaries(false)
  const place = () => ({ nodeName: "n1", directory, log: join(directory, "../n1.log") }) as Place
  const write = (file: string, text: string) => writeFile(join(directory, file), text)

  beforeAll(async () => {
    directory = join(await mkdtemp(join(tmpdir(), "sealog-canaries-")), "n1")
    await mkdir(join(directory, "log"), { recursive: true })
    await mkdir(join(directory, "state"))
  })
  afterAll(() => rm(join(directory, ".."), { recursive: true, force: true }))

  /** A directory as it must be, but for what these files hold. */
  const found = async (files: Readonly<Record<string, string>>) => {
    await write("state/data.mdb", `..${canaries.plainValue}..${canaries.sealedKey}`)
    await write("log/data.mdb", `..${canaries.plainValue}..`)
    await write("../n1.log", "it serves")
    for (const [file, text] of Object.entries(files)) await write(file, text)
    const searches = [await canaries.search(place())]
    return Findings.findings({ ...good, searches })
  }

  it("where they belong are no finding", async () => {
    expect(await found({})).toEqual([])
  })

  it.each([
    ["log/data.mdb", () => canaries.sealedKey, "a key written after the cutover"],
    ["log/data.mdb", () => canaries.sealedValue, "a value written after the cutover"],
    ["BALLAST", () => canaries.sealedValue, "a value written after the cutover"],
    ["../n1.log", () => canaries.sealedKey, "n1 has told a key or a value"]
  ])("found in clear in %s are reported", async (file, canary, finding) => {
    expect(await found({ [file]: `..${canary()}client` })).toEqual(
      expect.arrayContaining([expect.stringContaining(finding)])
    )
    await write("BALLAST", "")
  })

  it("not found where they must be show that the search has no teeth", async () => {
    expect(await found({ "state/data.mdb": "" })).toEqual([
      expect.stringContaining("a value of phase 0 is not found"),
      expect.stringContaining("a key is not found")
    ])
  })

  it("are of their time, and a planted lie writes what is to be sealed before it can be", () => {
    const { plainValue, sealedKey, sealedValue } = canaries
    expect(canaries.marks()).toEqual({ key: "", value: plainValue })
    canaries.time = "phase 1"
    expect(canaries.marks()).toEqual({ key: "", value: "" })
    canaries.time = "after the cutover"
    expect(canaries.marks()).toEqual({ key: sealedKey, value: sealedValue })
    const early = new Canaries(true)
    early.time = "phase 1"
    expect(early.marks()).toEqual({ key: early.sealedKey, value: early.sealedValue })
  })
})
