/** `npm start`: what it is asked for, which nodes it runs, and what it does when one of them ends. */
import { assert, describe, it } from "@effect/vitest"
import * as Options from "../../scripts/start/Options.ts"
import * as Plan from "../../scripts/start/Plan.ts"
import * as ReadableLine from "../../scripts/start/ReadableLine.ts"
import * as Restart from "../../scripts/start/Restart.ts"

describe("the options", () => {
  it("have defaults", () => {
    assert.deepStrictEqual(Options.parse([]), { reset: false, port: 7070, directory: "data" })
    const given = ["--reset", "--port", "9000", "--data-dir", "/tmp/d"]
    assert.deepStrictEqual(Options.parse(given), { reset: true, port: 9000, directory: "/tmp/d" })
  })

  it("are refused with the usage", () => {
    for (const given of [["--port", "65530"], ["--port", "x"], ["--rest"], ["again"]]) {
      const refused = Options.parse(given)
      assert(refused instanceof Options.OptionsRefused)
      assert.include(refused.message, "usage: npm start")
    }
  })
})

describe("the plan", () => {
  it("has three nodes with ports and directories of their own, and one list", () => {
    const plan = Plan.planOf({ port: 7070, directory: "data" })
    const taken = plan.nodes.flatMap(({ clients, metrics, peers }) => [clients, metrics, peers])
    assert.strictEqual(new Set(taken).size, 9)
    assert.deepStrictEqual(
      plan.nodes.map(({ directory }) => directory),
      ["data/n1", "data/n2", "data/n3"]
    )
    const list = "n1=127.0.0.1:7080,n2=127.0.0.1:7081,n3=127.0.0.1:7082"
    for (const node of plan.nodes) {
      const given = Plan.serveArguments(plan, node)
      assert.strictEqual(given[given.indexOf("--bootstrap") + 1], list)
      assert.strictEqual(given[given.indexOf("--name") + 1], node.name)
    }
  })
})

describe("a node that has ended", () => {
  it("is started again after a kill or a crash, later each time, with a bound", () => {
    const pauses = [1, 2, 3, 4, 5, 6, 60].map((quickEnds) => {
      const decision = Restart.decide({ code: null, signal: "SIGKILL" }, quickEnds)
      assert(decision._tag === "Again")
      assert.include(decision.because, "SIGKILL")
      return decision.afterMillis
    })
    assert.deepStrictEqual(pauses, [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000])
    assert.strictEqual(Restart.decide({ code: 134, signal: null }, 1)._tag, "Again")
  })

  it("is left alone when it has refused to start, or halted", () => {
    for (const code of [1, 70]) {
      assert.strictEqual(Restart.decide({ code, signal: null }, 1)._tag, "Leave")
    }
  })
})

describe("a line of a node's log", () => {
  it("is its time, its message and the fields that tell something", () => {
    const line = (level: string, annotations: object) =>
      JSON.stringify({
        message: "became leader",
        level,
        timestamp: "2026-11-21T11:28:51.116Z",
        annotations: { node: "n1", group: 0, event: "LeadershipGained", ...annotations },
        spans: {},
        fiberId: "#121"
      })
    assert.strictEqual(
      ReadableLine.readable(line("INFO", { term: 2, detail: "a b" })),
      "11:28:51.116  became leader  term=2  detail=a b"
    )
    assert.strictEqual(ReadableLine.readable(line("WARN", {})), "11:28:51.116  WARN  became leader")
  })

  it("that is something else stays as it is", () => {
    for (const line of ["sealog: refused", '{"message":', "", '{"ready":true}']) {
      assert.strictEqual(ReadableLine.readable(line), line)
    }
  })
})
