import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { RaftUnwrapFailed } from "../../src/domain/encryption/Errors.ts"
import * as CommandFailure from "../../src/layers/CommandFailure.ts"

const codeOf = (exit: Exit.Exit<unknown, unknown>) => {
  let code: number | undefined
  CommandFailure.teardown(exit, (given) => {
    code = given
  })
  return code
}

describe("CommandFailure", () => {
  const cause = new RaftUnwrapFailed({
    groupId: 0,
    index: 17,
    term: 2,
    keyId: 5,
    reason: "tagMismatch"
  })
  const halted = new CommandFailure.NodeHalted({ cause })

  it("SPEC §11: a node that halted exits with 70 and names the entry", () => {
    assert.strictEqual(codeOf(Exit.fail(halted)), 70)
    assert.include(halted.message, "entry 17")
  })

  it("a bug exits with 70, a refusal with 1, an interruption with 130", () => {
    assert.strictEqual(codeOf(Exit.die(new Error("broken invariant"))), 70)
    assert.strictEqual(codeOf(Exit.fail(new Error("refused"))), 1)
    assert.strictEqual(codeOf(Exit.fail(new CommandFailure.AnswerIsNo())), 1)
    assert.strictEqual(codeOf(Exit.failCause(Cause.interrupt(1))), 130)
    assert.strictEqual(codeOf(Exit.void), 0)
  })
})
