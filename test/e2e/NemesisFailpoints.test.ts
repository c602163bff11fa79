/** The failpoints of the nemesis: a real process is held at every step of the cutover, once, and goes on. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Failpoint from "../../scripts/nemesis/Failpoint.ts"
import * as Failpoints from "../../scripts/nemesis/Failpoints.ts"
import * as Nodes from "../../scripts/nemesis/Nodes.ts"
import * as Operator from "../../scripts/nemesis/Operator.ts"
import { seededNumbers } from "../support/SeededNumbers.ts"

/** One node, alone in its cluster and in phase 1. */
const started = Effect.gen(function* () {
  const directory = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "sealog-failpoints-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  const kekFile = join(directory, "kek")
  yield* Effect.promise(() => writeFile(kekFile, new Uint8Array(32).fill(7), { mode: 0o600 }))
  const failpoints = join(directory, "failpoints")
  yield* Failpoints.prepare(failpoints)
  const numbers = seededNumbers(1)
  const nodes = yield* Nodes.make({ directory, kekFile, random: numbers.next, failpoints })
  yield* nodes.start(yield* nodes.place("n1"), [])
  yield* nodes.ready("n1")
  const operator = yield* Operator.make(nodes, numbers)
  yield* operator.order((to) => to.enableStorageEnvelope)
  return { failpoints, nodes, operator }
})

const reachedSteps = (directory: string) =>
  Effect.map(
    Effect.promise(() => readdir(directory)),
    (files) =>
      Failpoint.steps.filter((step) =>
        files.some((file) => Failpoint.nodeOf(file, step) !== undefined)
      )
  )

describe("a node with failpoints", () => {
  it.live(
    "is held at each step in turn, and the cutover ends as it would without",
    () =>
      Effect.gen(function* () {
        const { failpoints, nodes, operator } = yield* started
        yield* Effect.forEach(Failpoint.steps, (step) => Failpoints.arm(failpoints, step))
        const ordered = yield* Effect.forkChild(operator.order((to) => to.enableRaftEnvelope))
        for (const [at, step] of Failpoint.steps.entries()) {
          assert.strictEqual(yield* Failpoints.reached(failpoints, step, nodes), "n1")
          assert.deepStrictEqual(yield* reachedSteps(failpoints), Failpoint.steps.slice(0, at + 1))
          yield* nodes.signal("n1", "SIGCONT")
        }
        assert.isDefined(yield* Fiber.join(ordered))
      }),
    120_000
  )

  it.live(
    "is held at no step that is not armed",
    () =>
      Effect.gen(function* () {
        const { failpoints, operator } = yield* started
        assert.isDefined(yield* operator.order((to) => to.enableRaftEnvelope))
        assert.deepStrictEqual(yield* reachedSteps(failpoints), [])
      }),
    120_000
  )
})
